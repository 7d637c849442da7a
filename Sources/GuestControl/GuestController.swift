// SPDX-License-Identifier: Apache-2.0

public import GuestInput
public import QMP

/// Tells a running guest what a person does, and what becomes of it: keyboard and mouse, power,
/// and whatever else QEMU's machine protocol has.
///
/// It connects by itself, and again when the connection or QEMU ends, as long as it lives; whether
/// it is connected, `state` says. It may be used from any thread. With its last reference
/// everything ends: no task, thread or descriptor stays.
public final class GuestController: InputSink {
  let core: ControlCore

  /// Begins to look for a guest's monitor.
  ///
  /// - Parameter endpoint: `nil` where it is not known (yet): view only, until `follow`.
  public init(_ endpoint: QMPEndpoint?) {
    core = ControlCore()
    core.follow(endpoint)
  }

  deinit { core.stop() }

  // MARK: Input

  /// Takes an event. It takes a lock and, where the sender sleeps, wakes it; nothing else.
  ///
  /// What QEMU has not taken yet is put together: motion becomes its end or its sum, never across a
  /// key or a button. Where QEMU takes nothing for long, old motion is left out first, then whole
  /// strokes of keys; the release of what the guest believes to be down never is. While there is no
  /// connection, or the guest is paused, nothing but such releases is kept.
  public func send(_ event: GuestInputEvent) { core.send(event) }

  /// Lets go of every key and button, as when the window loses the focus.
  public func releaseAll() { core.releaseAll() }

  /// Whether input reaches the guest. It is cheap; being asked is what makes the control look for
  /// the guest's mouse again, once a second.
  public var state: GuestInputState { core.inputState }

  // MARK: The machine

  /// What the machine is doing, as far as it is known.
  public var machine: MachineState { core.machine }

  /// What happens from now on, until `close`. Every call makes a sequence of its own; of one that
  /// is not read the oldest are left out.
  public func events() -> AsyncStream<GuestEvent> { core.events() }

  /// Presses the machine's power button (`system_powerdown`). What the guest does about it is its
  /// matter; `events` tells.
  ///
  /// - Throws: as `execute`.
  public func powerDown() async throws(QMPError) { try await execute(SystemPowerdown()) }

  /// Presses the machine's reset button (`system_reset`).
  ///
  /// - Throws: as `execute`.
  public func reset() async throws(QMPError) { try await execute(SystemReset()) }

  /// Ends QEMU at once (`quit`), as pulling the plug does.
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
  /// - Throws: what `QMPConnection.execute` does; `QMPError.disconnected` where there is no
  ///   connection at the moment.
  @discardableResult
  public func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration = .seconds(10)
  ) async throws(QMPError) -> Command.Response {
    try await core.currentMonitor().execute(command, timeout: timeout)
  }

  // MARK: The connection

  /// Goes over to another endpoint, as when the guest came back in another process. What was down
  /// in the old one is forgotten.
  public func follow(_ endpoint: QMPEndpoint?) { core.follow(endpoint) }

  /// Ends the connection, and returns when nothing of it is left.
  public func close() async { await core.close() }
}
