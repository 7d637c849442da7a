// SPDX-License-Identifier: Apache-2.0

public import QMP

/// A way to a running QEMU's machine protocol: a QMP socket of our own, or somebody else's that
/// passes commands on, as libvirt does.
public protocol MachineMonitor: AnyObject, Sendable {
  /// Carries a command out, and waits for QEMU's answer.
  ///
  /// - Throws: `QMPError.refused`, `.timeout` and `.cancelled`, after which the monitor goes on;
  ///   anything else is its end.
  func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration
  ) async throws(QMPError) -> Command.Response

  /// What happens in QEMU from now on, until the monitor's end. A monitor that hears of no events
  /// has a sequence without elements, which ends with it all the same.
  func events() -> AsyncStream<QMPEvent>

  /// Why the monitor has ended; `nil` while it has not.
  var failure: QMPError? { get }

  /// Lets go of QEMU, and returns when nothing of the connection is left.
  func close() async
}

extension QMPClient: MachineMonitor {}

/// Makes monitors of one guest, again after each one's end.
public protocol MonitorConnector: Sendable {
  /// Looks for the guest and connects.
  ///
  /// - Throws: `MonitorUnavailable`: why there is none now; it is asked again later.
  func connect() async throws(MonitorUnavailable) -> any MachineMonitor
}
