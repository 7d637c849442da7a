// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
public import LinuxSystem

/// Ends a `KMSViewer` from any thread, or at a signal.
public final class KMSViewerControl: Sendable {
  /// An eventfd that is readable, and stays so, when the viewer is to end.
  let ending: OwnedFileDescriptor
  /// An eventfd that is readable when the source has let go of the guest without a poll.
  let lettingGo: OwnedFileDescriptor

  /// Makes a control for one viewer.
  ///
  /// - Throws: `SystemCallError` when this process may have no more descriptors.
  public init() throws(SystemCallError) {
    ending = try Self.eventDescriptor()
    lettingGo = try Self.eventDescriptor()
  }

  private static func eventDescriptor() throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("eventfd", on: "the thread that shows frames") { vgpu_eventfd() }
    return OwnedFileDescriptor(owning: Int32(fd))
  }

  /// Ends the viewer, soon.
  public func end() { _ = eventfd_write(ending.rawValue, 1) }

  /// From now on SIGTERM, SIGINT and SIGHUP end the viewer, and not the process (sigaction(2)). Call it
  /// once in a process.
  ///
  /// - Throws: `SystemCallError` with EALREADY when another call was made before.
  public func endAtSignals() throws(SystemCallError) {
    try SystemCall.make("sigaction", on: "SIGTERM, SIGINT and SIGHUP") {
      vgpu_tell_of_end_signals(ending.rawValue)
    }
  }

  /// The source has let go of the guest without a poll.
  func letGo() { _ = eventfd_write(lettingGo.rawValue, 1) }

  /// The loop knows now that the source has let go.
  func hasHeard() {
    var count: eventfd_t = 0
    _ = eventfd_read(lettingGo.rawValue, &count)
  }
}
