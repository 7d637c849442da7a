// SPDX-License-Identifier: Apache-2.0

public import GuestInput
public import GuestSound

/// This process as the control client of one guest's display (`-display dbus,p2p=yes`). QEMU has one such
/// client at a time, so all heads of a guest share one: make a `QEMUDisplaySource` of it for each head.
///
/// The client connects again when QEMU comes back, also in another process. It holds no QMP socket
/// meanwhile.
public final class QEMUDisplayClient: Sendable {
  let follower: DisplayFollower
  let detour: InputDetour

  /// Begins to connect to a guest's display, and goes on until it succeeds.
  ///
  /// - Parameters:
  ///   - connector: attaches to the guest's QEMU.
  ///   - guest: the guest, for titles and errors.
  ///   - makeOtherInput: makes a sink for what the display does not take while a tablet is the guest's
  ///     pointer: motion in steps, the sideways wheel, the fourth and fifth button. The sink is made for
  ///     the first such event, and released some seconds after the last.
  public init(
    _ connector: any DisplayConnector, guest: String,
    makeOtherInput: @escaping @Sendable () -> (any InputSink)? = { nil }
  ) {
    follower = DisplayFollower(connector, guest: guest)
    detour = InputDetour(makeOtherInput)
    follower.start()
  }

  deinit { follower.stop() }

  /// Waits until the first attempt to connect is over.
  ///
  /// - Throws: `QEMUDisplayError`: why it failed. The client goes on to connect all the same.
  public func firstConnection() async throws(QEMUDisplayError) { try await follower.firstOutcome() }

  /// The guest's name, as QEMU says it.
  public var name: String { follower.name }

  /// Whether another program has the guest's display now, as its control client, so that every head is
  /// without picture and input. It is not taken back by itself: two programs that both did so would never
  /// end.
  public var isTakenOver: Bool { follower.isTakenOver }

  /// Takes the display back from another program, which loses it. Does nothing unless `isTakenOver`.
  /// Does not wait for the connection.
  public func takeBack() { follower.takeBack() }

  /// The guest's graphical consoles, one for each head; empty while there is no connection. QEMU's list
  /// stays as it is until QEMU ends, also when display devices are plugged in or out.
  public var consoles: [DisplayConsole] { follower.consoles }

  /// Called with the graphical consoles of each new connection, on any thread. QEMU may have others than
  /// before when it has come back.
  public var onConsoles: (@Sendable ([DisplayConsole]) -> Void)? {
    get { follower.onConsoles }
    set { follower.onConsoles = newValue }
  }

  // MARK: Sound

  /// Plays the guest's sound from now on, also when QEMU comes back; `nil` ends that. QEMU has one such
  /// listener at a time, so another program's keeps it until it ends.
  ///
  /// The display has sound when QEMU was started with `-audiodev dbus,id=ID,timer-period=5000` and
  /// `-display dbus,p2p=yes,audiodev=ID`. With QEMU's own period, 10 ms, the guest plays up to 2 % too slowly.
  public func play(on output: (any SoundOutput)?) {
    follower.exchange(
      .output, for: output.map { DisplaySound(.out($0), of: follower.guest) })
  }

  /// Lets the guest record from now on, perhaps silence; `nil` ends that. A guest that records from nobody
  /// gets what lies in QEMU's buffers, which may be the last that it heard.
  public func record(from input: (any SoundInput)?) {
    follower.exchange(
      .microphone, for: input.map { DisplaySound(.in($0), of: follower.guest) })
  }

  /// Why there is no sound although it is wanted; `nil` when there is, and while there is no connection.
  public var soundProblem: QEMUDisplayError? { follower.soundProblem }
}
