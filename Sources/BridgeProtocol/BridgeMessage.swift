// SPDX-License-Identifier: Apache-2.0

/// A message of a bridge to a client.
@nonexhaustive
public enum BridgeMessage: Hashable, Sendable {
  /// Answers HELLO.
  case welcome(Welcome)
  /// Answers LIST.
  case vGPU(ListedVGPU)
  /// Answers OPEN.
  case opened(OpenedVGPU)
  /// A buffer that is new to the client; the buffer's descriptor comes with the message.
  case buffer(SharedBuffer)
  /// Answers LOOK: the guest's picture.
  case frame(SharedFrame)
  /// Answers LOOK: the guest has no picture, and why.
  case noPicture(Absence, reason: String)
  /// Answers a question that the bridge refuses.
  case refused(Refusal, reason: String)
  /// Answers COUNT.
  case counters(BridgeCounters)
  /// Answers RESIZE.
  case done

  /// Reads a datagram.
  ///
  /// - Returns: the message, and the serial number of the question that it answers.
  /// - Throws: `ProtocolError` for everything that is not exactly such a message.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer
  ) throws(ProtocolError) -> (message: BridgeMessage, serial: UInt32) {
    try read(bytes)
  }

  /// Writes the message as a datagram. Text that is too long is cut.
  ///
  /// - Parameters:
  ///   - serial: the number of the question that it answers.
  ///   - bytes: at least `WireConstants.longestMessage` of them.
  /// - Returns: how many bytes were written; 0 when there is not enough room.
  public func encode(serial: UInt32, into bytes: UnsafeMutableRawBufferPointer) -> Int {
    write(serial: serial, into: bytes)
  }
}

extension BridgeMessage: WireMessage {
  static let kinds: [BridgeMessage] = [
    .welcome(.blank), .vGPU(.blank), .opened(.blank), .buffer(.blank), .frame(.blank),
    .noPicture(.gone, reason: ""), .refused(.malformed, reason: ""), .counters(BridgeCounters()),
    .done,
  ]
  static let layouts = MessageLayout.all(of: kinds)

  mutating func pass<Pass: FieldPass>(_ fields: inout Pass) throws(Pass.Problem) {
    switch self {
    case .welcome(var welcome):
      fields.begin(0x81, "WELCOME")
      try welcome.pass(&fields)
      self = .welcome(welcome)
    case .vGPU(var vGPU):
      fields.begin(0x82, "VGPU")
      try vGPU.pass(&fields)
      self = .vGPU(vGPU)
    case .opened(var opened):
      fields.begin(0x83, "OPENED")
      try opened.pass(&fields)
      self = .opened(opened)
    case .buffer(var buffer):
      fields.begin(0x84, "BUFFER")
      try buffer.pass(&fields)
      self = .buffer(buffer)
    case .frame(var frame):
      fields.begin(0x85, "FRAME")
      try frame.pass(&fields)
      self = .frame(frame)
    case .noPicture(var absence, var reason):
      fields.begin(0x86, "NO PICTURE")
      try fields.choice(&absence, "kind")
      try fields.reserved(UInt32.self)
      try fields.text(&reason, length: WireConstants.reasonLength, "reason")
      self = .noPicture(absence, reason: reason)
    case .refused(var refusal, var reason):
      fields.begin(0x87, "REFUSED")
      var code = refusal.rawValue
      try fields.number(&code, "code")
      refusal = Refusal(rawValue: code)
      try fields.reserved(UInt32.self)
      try fields.text(&reason, length: WireConstants.reasonLength, "reason")
      self = .refused(refusal, reason: reason)
    case .counters(var counters):
      fields.begin(0x88, "COUNTERS")
      try counters.pass(&fields)
      self = .counters(counters)
    case .done:
      fields.begin(0x89, "DONE")
    }
  }
}

/// Why a guest shows nothing.
@nonexhaustive
public enum Absence: UInt32, Hashable, Sendable, CaseIterable {
  /// The guest's screen is off.
  case planeOff = 1
  /// There is no guest; **both sides forget every buffer**.
  case gone = 2
  /// The bridge cannot have the picture now.
  case trouble = 3
}

/// Why a bridge refuses: a number. Later versions of the protocol can have further numbers; the
/// message's text gives the reason for people in any case.
public struct Refusal: RawRepresentable, Hashable, Sendable, CaseIterable {
  /// The number in the message.
  public let rawValue: UInt32

  /// Makes a refusal of any number; a number that this library does not know is a refusal too.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The bridge speaks none of the client's versions. The connection ends.
  public static let version = Refusal(rawValue: 1)
  /// The client's user may not look. When the user may see no vGPU at all, the connection ends.
  public static let notAllowed = Refusal(rawValue: 2)
  /// There is no such vGPU, for this client.
  public static let noSuchVGPU = Refusal(rawValue: 3)
  /// There are several vGPUs, and the client named none.
  public static let severalVGPUs = Refusal(rawValue: 4)
  /// There are too many clients, or this client holds too much. The connection ends.
  public static let limit = Refusal(rawValue: 5)
  /// A message of the client is malformed. The connection ends.
  public static let malformed = Refusal(rawValue: 6)
  /// The guest's monitor cannot be exchanged, or cannot have that size.
  public static let size = Refusal(rawValue: 7)
  /// The client has chosen no vGPU yet.
  public static let notOpen = Refusal(rawValue: 8)

  /// The refusals that this library knows.
  public static let allCases: [Refusal] = [
    .version, .notAllowed, .noSuchVGPU, .severalVGPUs, .limit, .malformed, .size, .notOpen,
  ]
}
