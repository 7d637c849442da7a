// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem

/// Ends a bridge from any thread.
public final class BridgeHandle: Sendable {
  let wakeup: OwnedFileDescriptor

  /// For a bridge that is made later (eventfd(2)).
  ///
  /// - Throws: `SystemCallError` when the process has no descriptor left.
  public init() throws(SystemCallError) {
    let number = try SystemCall.make("eventfd", on: "bridge") { vgpu_eventfd() }
    wakeup = OwnedFileDescriptor(owning: Int32(number))
  }

  /// Makes `Bridge.run` return, now or as soon as it is called.
  public func stop() { _ = eventfd_write(wakeup.rawValue, 1) }

  /// Has SIGTERM and SIGINT do the same from now on (sigaction(2)), for a program that is a bridge and
  /// nothing else. To be called once in a process.
  ///
  /// - Throws: `SystemCallError`.
  public func stopAtSignals() throws(SystemCallError) {
    try SystemCall.make("sigaction", on: "bridge") { vgpu_tell_of_end_signals(wakeup.rawValue) }
  }
}
