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
  let supervisor = ConnectionSupervisor()

  /// Begins to look for a guest's QMP.
  ///
  /// - Parameter endpoint: `nil` when it is not known (yet): view only, until `follow`.
  public init(_ endpoint: QMPEndpoint?) {
    supervisor.follow(endpoint)
  }

  deinit { supervisor.stop() }

  // MARK: Input

  /// Takes an event. It takes a lock and, when the sender sleeps, wakes it; nothing else.
  ///
  /// What QEMU has not taken yet is put together: motion becomes its end or its sum, never across a
  /// key or a button. Where QEMU takes nothing for long, old motion is left out first, then whole
  /// strokes of keys; the release of what the guest believes to be down never is. While there is no
  /// connection, or the guest is paused, nothing but such releases is kept.
  @discardableResult
  public func send(_ event: GuestInputEvent) -> InputReceipt { supervisor.input.send(event) }

  /// Lets go of every key and button. The end of the control, and going over to another endpoint, do
  /// so too.
  public func releaseAll() { supervisor.input.releaseAll() }

  /// Whether input reaches the guest. It is cheap; being asked is what makes the control look for
  /// the guest's mouse again, once a second.
  public var state: GuestInputState { supervisor.input.inputState }

  // MARK: The machine

  /// What the machine is doing, as far as it is known.
  public var machine: MachineState { supervisor.watcher.state }

  /// What happens from now on, until `close`. Every call makes a sequence of its own; of one that
  /// is not read the oldest are left out.
  public func events() -> AsyncStream<GuestEvent> { supervisor.events.stream() }

  /// Presses the machine's power button (`system_powerdown`). The guest decides what it does then;
  /// `events` tells.
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
  /// - Throws: what `QMPConnection.execute` does; `QMPError.disconnected` when there is no
  ///   connection at the moment.
  @discardableResult
  public func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration = .seconds(10)
  ) async throws(QMPError) -> Command.Response {
    try await supervisor.connection().execute(command, timeout: timeout)
  }

  // MARK: The connection

  /// Goes over to another endpoint, because the guest came back in another process. What is down in
  /// the old one is let go.
  public func follow(_ endpoint: QMPEndpoint?) { supervisor.follow(endpoint) }

  /// Ends the connection, and returns when nothing of it is left.
  public func close() async { await supervisor.close() }
}
