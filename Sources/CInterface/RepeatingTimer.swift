// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// A descriptor that becomes readable again and again (timerfd_create(2)).
struct RepeatingTimer: ~Copyable {
  private let descriptor: OwnedFileDescriptor

  init() throws(SystemCallError) {
    let fd = try SystemCall.make("timerfd_create", on: "a source's timer") { vgpu_timerfd() }
    descriptor = OwnedFileDescriptor(owning: Int32(fd))
  }

  /// The descriptor, to be waited for. Never close it.
  var rawValue: Int32 { descriptor.rawValue }

  /// Begins anew, at so many times a second: more than 0, at most 1000.
  func start(rate: Double) throws(SystemCallError) {
    let interval = UInt64(min(1e9 / rate, 1e18))
    try SystemCall.make("timerfd_settime", on: "a source's timer") {
      vgpu_timerfd_repeat(rawValue, interval)
    }
  }

  /// Makes it unreadable until the next time.
  func readOff() {
    var expirations: UInt64 = 0
    _ = read(rawValue, &expirations, MemoryLayout<UInt64>.size)
  }
}
