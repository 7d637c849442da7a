// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// A descriptor that becomes readable at a set time, to the microsecond (timerfd_create(2)):
/// poll(2)'s own timeout knows milliseconds only.
struct Alarm: ~Copyable {
  let descriptor: OwnedFileDescriptor
  private var time: MonotonicInstant?
  /// It has gone off, and stays readable until it is set.
  private var isRinging = false

  init() throws(SystemCallError) {
    let fd = try SystemCall.make("timerfd_create", on: "the render thread") { vgpu_timerfd() }
    descriptor = OwnedFileDescriptor(owning: Int32(fd))
  }

  /// At a time, or never.
  mutating func set(_ time: MonotonicInstant?) {
    guard isRinging || time != self.time else { return }
    self.time = time
    isRinging = false
    // Zero would switch it off.
    _ = vgpu_timerfd_set(descriptor.rawValue, time.map { max(1, $0.nanoseconds) } ?? 0)
  }

  /// poll(2) has found it readable.
  mutating func hasRung() { isRinging = true }
}
