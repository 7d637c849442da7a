// SPDX-License-Identifier: Apache-2.0

public import GuestInput
import LinuxSystem
public import QMP

/// Sends keyboard, mouse and power events to a running guest, reports the guest's state, and
/// carries out any other command of QEMU's machine protocol.
///
/// The controller connects by itself, and connects again when the connection or QEMU ends. `state`
/// says whether it is connected. Any thread may use it. With the last reference everything ends: no
/// task, thread or descriptor stays.
public final class GuestController: InputSink {
  let supervisor = ConnectionSupervisor()

  /// Begins to look for a guest's QMP.
  ///
  /// - Parameter endpoint: where QMP is; `nil` when it is not known yet. With `nil` the guest is
  ///   view only until `follow`.
  public init(_ endpoint: QMPEndpoint?) {
    supervisor.follow(endpoint)
  }

  deinit { supervisor.stop() }

  // MARK: Input

  /// Takes an event. It only takes a lock, and wakes the sender when the sender sleeps.
  ///
  /// Events that QEMU has not taken yet are merged: places become the last place and steps become
  /// their sum, never across a key or a button. When QEMU takes nothing for long, old motion is
  /// dropped first, then whole key strokes, but never the release of a key that the guest believes
  /// to be down. While there is no connection, or the guest is paused, only such releases are kept.
  @discardableResult
  public func send(_ event: GuestInputEvent) -> InputReceipt { supervisor.input.send(event) }

  /// Releases every key and button. `close`, the end of the controller and `follow` do the same.
  public func releaseAll() { supervisor.input.releaseAll() }

  /// Whether input reaches the guest. Reading it is cheap. The controller looks for the guest's
  /// mouse once a second while somebody reads this property or sends input, and for 5 s after that.
  public var state: GuestInputState { supervisor.input.inputState }

  /// Tells when `state` may have changed.
  public func changes() -> AsyncStream<Void> { supervisor.input.changes.stream() }

  // MARK: The machine

  /// The machine's last known state.
  public var machine: MachineState { supervisor.watcher.state }

  /// The events from now on, until `close`. Every call makes a new sequence. A sequence that nobody
  /// reads drops its oldest events.
  public func events() -> AsyncStream<GuestEvent> { supervisor.events.stream() }

  /// Presses the machine's power button (`system_powerdown`). The guest decides what it does then;
  /// `events` reports it.
  ///
  /// - Throws: as `execute`.
  public func powerDown() async throws(QMPError) { try await execute(SystemPowerdown()) }

  /// Presses the machine's reset button (`system_reset`).
  ///
  /// - Throws: as `execute`.
  public func reset() async throws(QMPError) { try await execute(SystemReset()) }

  /// Ends QEMU at once (`quit`), like pulling the plug.
  ///
  /// - Throws: as `execute`.
  public func quit() async throws(QMPError) { try await execute(Quit()) }

  /// Asks what the machine is doing (`query-status`).
  ///
  /// - Throws: as `execute`.
  public func status() async throws(QMPError) -> MachineState {
    MachineState(status: try await execute(QueryStatus()).status)
  }

  /// Carries out any command.
  ///
  /// - Throws: the errors of `QMPConnection.execute`; `QMPError.disconnected` when there is no
  ///   connection at the moment.
  @discardableResult
  public func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration = .seconds(10)
  ) async throws(QMPError) -> Command.Response {
    try await supervisor.connection().execute(command, timeout: timeout)
  }

  // MARK: The connection

  /// Waits until there is a connection, or a reason why there is none. The controller goes on to
  /// connect after that.
  ///
  /// - Returns: the connection, for work of several commands, such as `GuestHotplug`'s. It may end at
  ///   any time; never close it.
  /// - Throws: `QMPUnavailable`.
  public func connection() async throws(QMPUnavailable) -> any QMPConnection {
    try await supervisor.settledConnection()
  }

  /// Whether there is a connection now.
  package var isConnected: Bool { (try? supervisor.connection()) != nil }

  /// Changes to another endpoint, for a guest that came back in another process. It releases the
  /// keys and buttons of the old guest.
  public func follow(_ endpoint: QMPEndpoint?) { supervisor.follow(endpoint) }

  /// Ends the connection, and returns when nothing of it is left.
  public func close() async { await supervisor.close() }
}
