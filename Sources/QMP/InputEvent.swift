// SPDX-License-Identifier: Apache-2.0

/// Something that a keyboard or a mouse does: QMP's `InputEvent`.
@nonexhaustive
public enum InputEvent: Hashable, Sendable {
  /// A key goes down or up. The key is named by its QKeyCode: `a`, `ret`, `ctrl_r`, `f11`.
  case key(String, down: Bool)
  /// A button goes down or up.
  case button(InputButton, down: Bool)
  /// The pointer is at a place: 0 to 0x7FFF (QEMU's `INPUT_EVENT_ABS_MAX`) from one edge of the screen
  /// to the other, whatever its size.
  case absolute(InputAxis, Int)
  /// The pointer moves by this many steps.
  case relative(InputAxis, Int)
  /// A finger touches the screen, moves there or leaves it; QEMU 8.1 and newer.
  case touch(MultiTouchType, slot: Int)
  /// The place of a finger, on the scale of `absolute`; QEMU 8.1 and newer.
  case touchPlace(slot: Int, InputAxis, Int)
  /// Whether any finger touches the screen: the button `touch` of QEMU 8.1 and newer.
  case touchButton(down: Bool)
}

/// What a finger does: QMP's `InputMultiTouchType`.
public enum MultiTouchType: String, Encodable, Hashable, Sendable {
  /// It touches the screen.
  case begin
  /// It moves.
  case update
  /// It leaves the screen.
  case end
}

/// The axis of a motion: QMP's `InputAxis`.
public enum InputAxis: String, Encodable, Hashable, Sendable {
  /// To the right.
  case x
  /// Down.
  case y
}

/// A button: QMP's `InputButton`. Each step of the wheel is one press and one release of the
/// wheel's button.
public enum InputButton: String, Encodable, Hashable, Sendable, CaseIterable {
  /// The main button.
  case left
  /// The wheel, pressed.
  case middle
  /// The second button.
  case right
  /// The wheel, turned a step up.
  case wheelUp = "wheel-up"
  /// The wheel, turned a step down.
  case wheelDown = "wheel-down"
  /// The fourth button: back.
  case side
  /// The fifth button: forward.
  case extra
  /// The wheel, turned a step to the left.
  case wheelLeft = "wheel-left"
  /// The wheel, turned a step to the right.
  case wheelRight = "wheel-right"
}

extension InputEvent: Encodable {
  private enum Key: String, CodingKey {
    case type, data, down, key, button, axis, value, slot
    case trackingID = "tracking-id"
  }

  /// Writes `{"type": "abs", "data": {"axis": "x", "value": 0}}` and the like.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(type, forKey: .type)
    var data = container.nestedContainer(keyedBy: Key.self, forKey: .data)
    switch self {
    case .key(let code, let down):
      try data.encode(down, forKey: .down)
      var key = data.nestedContainer(keyedBy: Key.self, forKey: .key)
      try key.encode("qcode", forKey: .type)
      try key.encode(code, forKey: .data)
    case .button(let button, let down):
      try data.encode(down, forKey: .down)
      try data.encode(button, forKey: .button)
    case .absolute(let axis, let value), .relative(let axis, let value):
      try data.encode(axis, forKey: .axis)
      try data.encode(value, forKey: .value)
    case .touch(let kind, let slot):
      try data.encode(kind, forKey: .type)
      try data.encode(slot, forKey: .slot)
      // The kernel's protocol B: a number for each finger, and -1 for one that has gone.
      try data.encode(kind == .end ? -1 : slot, forKey: .trackingID)
      try data.encode(InputAxis.x, forKey: .axis)
      try data.encode(0, forKey: .value)
    case .touchPlace(let slot, let axis, let value):
      try data.encode("data", forKey: .type)
      try data.encode(slot, forKey: .slot)
      try data.encode(slot, forKey: .trackingID)
      try data.encode(axis, forKey: .axis)
      try data.encode(value, forKey: .value)
    case .touchButton(let down):
      try data.encode(down, forKey: .down)
      try data.encode("touch", forKey: .button)
    }
  }

  private var type: String {
    switch self {
    case .key: "key"
    case .button, .touchButton: "btn"
    case .touch, .touchPlace: "mtt"
    case .absolute: "abs"
    case .relative: "rel"
    }
  }
}

/// `input-send-event`: keyboard and mouse events that happen at the same moment.
public struct InputSendEvent: QMPCommand {
  public static let name = "input-send-event"

  /// The id of the display device that the events are for; `nil` lets QEMU choose the device.
  public let device: String?
  /// The number of the device's screen; `nil` for the first.
  public let head: Int?
  /// The events to send.
  public let events: [InputEvent]

  /// Makes the command from its three arguments.
  public init(_ events: [InputEvent], device: String? = nil, head: Int? = nil) {
    self.events = events
    self.device = device
    self.head = head
  }
}
