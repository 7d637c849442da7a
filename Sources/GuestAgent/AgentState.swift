// SPDX-License-Identifier: Apache-2.0

/// The state of a connection to a guest's agent.
@nonexhaustive
public enum AgentState: Hashable, Sendable {
  /// There is no connection to the port; the reason is one line for a person. Another attempt follows,
  /// when the connector allows one.
  case unavailable(String)
  /// The port is connected, and no agent has spoken: none runs in the guest, nobody has logged in there, or
  /// another program of the host has the port.
  case waiting
  /// The agent is there.
  case connected(AgentCapabilities)
  /// The connection was closed and stays so.
  case closed

  /// The agent's capabilities; `nil` while there is no agent.
  public var capabilities: AgentCapabilities? {
    if case .connected(let capabilities) = self { capabilities } else { nil }
  }
}

/// What happened at a guest's agent.
@nonexhaustive
public enum AgentEvent: Sendable {
  /// The connection has another state.
  case state(AgentState)
  /// The guest has something else in a clipboard; `nil` when it has nothing, and when the host's offer has
  /// taken its place.
  case guestClipboard(ClipboardSelection, GuestClipboard?)
  /// The guest's copy has taken the place of the host's offer.
  case offerReplaced(ClipboardSelection)
}

/// A monitor that a guest shall have.
public struct AgentMonitor: Hashable, Sendable {
  /// In pixels; 0 for a monitor that is off.
  public var width: UInt32
  /// In pixels; 0 for a monitor that is off.
  public var height: UInt32
  /// Bits of a pixel.
  public var depth: UInt32
  /// Its place among the others, in pixels.
  public var x: Int32
  /// Its place among the others, in pixels.
  public var y: Int32
  /// Its own size; 0 when unknown.
  public var widthMillimetres: UInt16
  /// Its own size; 0 when unknown.
  public var heightMillimetres: UInt16

  /// Makes a monitor.
  public init(
    width: UInt32, height: UInt32, depth: UInt32 = 32, x: Int32 = 0, y: Int32 = 0,
    widthMillimetres: UInt16 = 0, heightMillimetres: UInt16 = 0
  ) {
    self.width = width
    self.height = height
    self.depth = depth
    self.x = x
    self.y = y
    self.widthMillimetres = widthMillimetres
    self.heightMillimetres = heightMillimetres
  }

  /// A monitor that is off, to keep the numbers of those after it.
  public static let off = AgentMonitor(width: 0, height: 0)
}
