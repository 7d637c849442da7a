// SPDX-License-Identifier: Apache-2.0

public import GuestInput
import Synchronization

/// The input of a guest that has a mouse and no tablet, with the pointer's places by the guest's agent
/// (`VD_AGENT_MOUSE_STATE`): a window needs no grab for such a guest then.
///
/// What is said of places, and the buttons and the wheel after it, goes to the agent; everything else, and all as
/// long as there is no agent, goes to the guest's own devices. The agent moves a tablet that it makes in the
/// guest, so on Linux it needs the right to `/dev/uinput`, as Debian's service has it.
public final class AgentPointer: InputSink {
  private let input: any InputSink
  private let agent: AgentClient
  private let shared = Mutex(Shared())

  private struct Shared {
    var size: (width: Int, height: Int)?
    /// Where the agent has moved the pointer last, in the screen's pixels.
    var place: (x: UInt32, y: UInt32) = (0, 0)
    /// Whether the agent has moved it last, and not the guest's own mouse.
    var isPlaced = false
    /// The protocol's bits of the buttons that the agent holds.
    var held: UInt32 = 0
  }

  /// - Parameters:
  ///   - input: the guest's own devices.
  ///   - agent: the guest's agent. Whoever has it closes it.
  public init(_ input: any InputSink, by agent: AgentClient) {
    self.input = input
    self.agent = agent
  }

  /// The size of the guest's screen, in pixels; the agent counts in them. `nil` as long as nobody knows it: no
  /// places are taken then.
  public var size: (width: Int, height: Int)? {
    get { shared.withLock(\.size) }
    set { shared.withLock { $0.size = newValue } }
  }

  // MARK: InputSink

  /// A tablet is among the devices while the agent moves the pointer.
  public var state: GuestInputState {
    let state = input.state
    guard case .ready(let devices) = state, movesPointer(devices) else { return state }
    return .ready(devices.union(.tablet))
  }

  /// Tells of the guest's own devices. Whoever has the agent hears of it by `AgentClient`'s events.
  public func changes() -> AsyncStream<Void> { input.changes() }

  public func releaseAll() {
    shared.withLock { shared in
      if shared.held != 0 { agent.movePointer(x: shared.place.x, y: shared.place.y) }
      shared.held = 0
      // A grab may begin, whose button is the guest's own mouse's.
      shared.isPlaced = false
    }
    input.releaseAll()
  }

  @discardableResult
  public func send(_ event: GuestInputEvent) -> InputReceipt {
    var isPointing = false
    if case .ready(let devices) = input.state { isPointing = movesPointer(devices) }
    let receipt = shared.withLock { shared in point(event, &shared, isPointing) }
    return receipt ?? input.send(event)
  }

  /// - Returns: `nil` for what goes to the guest's own devices.
  private func point(
    _ event: GuestInputEvent, _ shared: inout Shared, _ isPointing: Bool
  ) -> InputReceipt? {
    switch event {
    case .absolute(let x, let y):
      guard isPointing, let size = shared.size else { return nil }
      shared.place = (Self.pixel(x, of: size.width), Self.pixel(y, of: size.height))
      shared.isPlaced = true
    case .relative:
      // A grab: the guest's own mouse has the buttons, too.
      shared.isPlaced = false
      return nil
    case .button(let button, let isDown):
      // Whoever has got the press gets the release.
      guard let bit = button.agentBit,
        shared.held & bit != 0 || (isDown && isPointing && shared.isPlaced)
      else { return nil }
      if isDown == (shared.held & bit != 0) { return .unchanged }
      shared.held ^= bit
    case .wheel(.vertical, let notches):
      guard isPointing, shared.isPlaced else { return nil }
      let place = shared.place
      let bit: UInt32 = notches < 0 ? 1 << 4 : 1 << 5
      for _ in 0..<min(notches.magnitude, Self.mostNotches) {
        agent.movePointer(x: place.x, y: place.y, buttons: shared.held | bit)
        agent.movePointer(x: place.x, y: place.y, buttons: shared.held)
      }
      return .taken
    default: return nil
    }
    agent.movePointer(x: shared.place.x, y: shared.place.y, buttons: shared.held)
    return .taken
  }

  /// Whether the agent is to move the pointer of a guest with these devices.
  private func movesPointer(_ devices: InputDevices) -> Bool {
    devices.contains(.mouse) && !devices.contains(.tablet) && size != nil
      && agent.state.capabilities?.contains(.mouseState) == true
  }

  /// Older turns of a wheel are of no use.
  private static let mostNotches: UInt = 20

  /// The pixel at a place, which is 0 to `absoluteMaximum`.
  private static func pixel(_ place: Int, of length: Int) -> UInt32 {
    let most = GuestInputEvent.absoluteMaximum
    let inside = min(max(place, 0), most)
    let last = min(max(length, 1), Self.longest) - 1
    return UInt32(clamping: (inside * last + most / 2) / most)
  }

  /// No screen is larger.
  private static let longest = 1 << 16
}

extension PointerButton {
  /// The protocol's bit (`VD_AGENT_LBUTTON_MASK` and so on); `nil` for buttons that older agents do not know.
  fileprivate var agentBit: UInt32? {
    switch self {
    case .left: 1 << 1
    case .middle: 1 << 2
    case .right: 1 << 3
    default: nil
    }
  }
}
