// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A descriptor that becomes readable at a set time, to the microsecond (timerfd_create(2)):
/// poll(2)'s own timeout is in whole milliseconds.
package struct Alarm: ~Copyable {
  package let descriptor: OwnedFileDescriptor
  private var time: MonotonicInstant?
  /// Whether it has gone off; it stays readable until it is set again.
  private var isRinging = false

  /// Makes an alarm that is switched off.
  ///
  /// - Throws: `SystemCallError` when this process may have no more descriptors.
  package init() throws(SystemCallError) {
    let fd = try SystemCall.make("timerfd_create", on: "the thread that shows frames") {
      vgpu_timerfd()
    }
    descriptor = OwnedFileDescriptor(owning: Int32(fd))
  }

  /// Sets the time; `nil` switches the alarm off.
  package mutating func set(_ time: MonotonicInstant?) {
    guard isRinging || time != self.time else { return }
    self.time = time
    isRinging = false
    // Zero would switch the timer off.
    _ = vgpu_timerfd_set(descriptor.rawValue, time.map { max(1, $0.nanoseconds) } ?? 0)
  }

  /// Notes that poll(2) has found it readable.
  package mutating func hasRung() { isRinging = true }
}
