// SPDX-License-Identifier: Apache-2.0

/// A message of a client to a bridge.
@nonexhaustive
public enum ClientMessage: Hashable, Sendable {
  /// The first message: the versions that the client speaks. Answered by WELCOME.
  case hello(oldest: UInt16, newest: UInt16)
  /// Asks for the vGPU with an index among those that the client may see. Answered by VGPU.
  case list(index: UInt32)
  /// Chooses a vGPU; another one than before is a new choice. Answered by OPENED.
  case open(VGPUIdentifier)
  /// Asks for the guest's picture now. Answered by BUFFER, for each buffer that is new to the client,
  /// and then FRAME; or by NO PICTURE.
  case look
  /// Gives a buffer back that the client no longer uses. Not answered.
  case release(buffer: UInt64)
  /// Asks for another size of the guest's monitor, in pixels. Answered by DONE.
  case resize(width: UInt32, height: UInt32)
  /// Asks for the bridge's counters. Answered by COUNTERS.
  case count

  /// Reads a datagram.
  ///
  /// - Returns: the message, and the serial number that its answers repeat.
  /// - Throws: `ProtocolError` for everything that is not exactly such a message.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer
  ) throws(ProtocolError) -> (message: ClientMessage, serial: UInt32) {
    try read(bytes)
  }

  /// Writes the message as a datagram.
  ///
  /// - Parameters:
  ///   - serial: the number that its answers will have.
  ///   - bytes: at least `WireConstants.longestMessage` of them.
  /// - Returns: how many bytes were written; 0 when there is not enough room.
  public func encode(serial: UInt32, into bytes: UnsafeMutableRawBufferPointer) -> Int {
    write(serial: serial, into: bytes)
  }
}

extension ClientMessage: WireMessage {
  static let kinds: [ClientMessage] = [
    .hello(oldest: 0, newest: 0), .list(index: 0), .open(.only), .look, .release(buffer: 0),
    .resize(width: 0, height: 0), .count,
  ]
  static let layouts = MessageLayout.all(of: kinds)

  mutating func pass<Pass: FieldPass>(_ fields: inout Pass) throws(Pass.Problem) {
    switch self {
    case .hello(var oldest, var newest):
      fields.begin(1, "HELLO")
      try fields.constant(WireConstants.magic, "magic")
      try fields.number(&oldest, "version")
      try fields.number(&newest, "version")
      try fields.check(oldest > 0 && oldest <= newest, "version")
      self = .hello(oldest: oldest, newest: newest)
    case .list(var index):
      fields.begin(2, "LIST")
      try fields.number(&index, "index")
      try fields.reserved(UInt32.self)
      self = .list(index: index)
    case .open(var identifier):
      fields.begin(3, "OPEN")
      try fields.identifier(&identifier, "identifier")
      self = .open(identifier)
    case .look:
      fields.begin(4, "LOOK")
    case .release(var buffer):
      fields.begin(5, "RELEASE")
      try fields.number(&buffer, "buffer")
      try fields.check(buffer != 0, "buffer")
      self = .release(buffer: buffer)
    case .resize(var width, var height):
      fields.begin(6, "RESIZE")
      try fields.number(&width, "size")
      try fields.number(&height, "size")
      let sides = 1...WireConstants.largestSide
      try fields.check(sides.contains(width) && sides.contains(height), "size")
      self = .resize(width: width, height: height)
    case .count:
      fields.begin(7, "COUNT")
    }
  }
}
