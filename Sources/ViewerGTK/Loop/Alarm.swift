// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// A descriptor that becomes readable at a set time, to the microsecond (timerfd_create(2)):
/// poll(2)'s own timeout knows milliseconds only.
struct Alarm: ~Copyable {
  let descriptor: OwnedFileDescriptor
  private var time: MonotonicInstant?

  init() throws(SystemCallError) {
    let fd = try SystemCall.make("timerfd_create", on: "the render thread") { vgpu_timerfd() }
    descriptor = OwnedFileDescriptor(owning: Int32(fd))
  }

  /// At a time, or never.
  mutating func set(_ time: MonotonicInstant?) {
    guard time != self.time else { return }
    self.time = time
    // Zero would switch it off.
    _ = vgpu_timerfd_set(descriptor.rawValue, time.map { max(1, $0.nanoseconds) } ?? 0)
  }

  /// It has gone off: setting it takes that back.
  mutating func hasRung() {
    time = nil
    _ = vgpu_timerfd_set(descriptor.rawValue, 0)
  }
}
