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
  /// The pointer moves by so many steps.
  case relative(InputAxis, Int)
}

/// Which way the pointer goes: QMP's `InputAxis`.
public enum InputAxis: String, Encodable, Hashable, Sendable {
  /// To the right.
  case x
  /// Down.
  case y
}

/// Which button it is: QMP's `InputButton`. A turn of the wheel is one press and release of its
/// button a step.
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
  private enum Key: String, CodingKey { case type, data, down, key, button, axis, value }

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
    }
  }

  private var type: String {
    switch self {
    case .key: "key"
    case .button: "btn"
    case .absolute: "abs"
    case .relative: "rel"
    }
  }
}

/// `input-send-event`: what a keyboard and a mouse do, all at the same moment.
public struct InputSendEvent: QMPCommand {
  public static let name = "input-send-event"

  /// The id of the display device that the events are for; `nil` for whichever there is.
  public let device: String?
  /// Which screen of the device; `nil` for the first.
  public let head: Int?
  /// What happens.
  public let events: [InputEvent]

  /// Makes the command of its three arguments.
  public init(_ events: [InputEvent], device: String? = nil, head: Int? = nil) {
    self.events = events
    self.device = device
    self.head = head
  }
}
