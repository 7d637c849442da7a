// SPDX-License-Identifier: Apache-2.0

/// What a client tells a bridge.
public enum ClientMessage: Hashable, Sendable {
  /// The first message: the versions that the client speaks. Answered by WELCOME.
  case hello(oldest: UInt16, newest: UInt16)
  /// Asks for the vGPU with an index among those that the client may see. Answered by VGPU.
  case list(index: UInt32)
  /// Chooses a vGPU; another one than before is a new choice. Answered by OPENED.
  case open(VGPUIdentifier)
  /// Asks what the guest shows now. Answered by BUFFER, for each buffer that the client has not yet,
  /// and then FRAME; or by NO PICTURE.
  case look
  /// The client has let go of a buffer. Not answered.
  case release(buffer: UInt64)
  /// Asks for another size of the guest's monitor, in pixels. Answered by DONE.
  case resize(width: UInt32, height: UInt32)
  /// Asks for the bridge's counters. Answered by COUNTERS.
  case count

  private var type: UInt16 {
    switch self {
    case .hello: 1
    case .list: 2
    case .open: 3
    case .look: 4
    case .release: 5
    case .resize: 6
    case .count: 7
    }
  }

  private static func length(of type: UInt16) -> Int? {
    switch type {
    case 1, 2, 5, 6: 16
    case 3: 24
    case 4, 7: 8
    default: nil
    }
  }

  /// Reads a datagram.
  ///
  /// - Returns: the message, and the serial number that its answers repeat.
  /// - Throws: `ProtocolError` for everything that is not exactly such a message.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer
  ) throws(ProtocolError) -> (message: ClientMessage, serial: UInt32) {
    var reader = WireReader(bytes)
    let header = try MessageHeader(bytes, &reader, lengthOf: length)
    return (try body(header.type, &reader), header.serial)
  }

  private static func body(
    _ type: UInt16, _ reader: inout WireReader
  ) throws(ProtocolError) -> ClientMessage {
    switch type {
    case 1:
      guard reader.read() == WireConstants.magic else { throw .invalid(field: "magic") }
      let oldest: UInt16 = reader.read()
      let newest: UInt16 = reader.read()
      guard oldest > 0, oldest <= newest else { throw .invalid(field: "version") }
      return .hello(oldest: oldest, newest: newest)
    case 2:
      let index: UInt32 = reader.read()
      try reader.readZero(UInt32.self)
      return .list(index: index)
    case 3: return .open(reader.readIdentifier())
    case 4: return .look
    case 5:
      let buffer: UInt64 = reader.read()
      guard buffer != 0 else { throw .invalid(field: "buffer") }
      return .release(buffer: buffer)
    case 6:
      let width: UInt32 = reader.read()
      let height: UInt32 = reader.read()
      let sides = 1...WireConstants.largestSide
      guard sides.contains(width), sides.contains(height) else { throw .invalid(field: "size") }
      return .resize(width: width, height: height)
    case 7: return .count
    default: throw .unknownType(type)
    }
  }

  /// Writes the message as a datagram.
  ///
  /// - Parameters:
  ///   - serial: the number that its answers will have.
  ///   - bytes: at least `WireConstants.longestMessage` of them.
  /// - Returns: how many were written; 0 where they are too few.
  public func encode(serial: UInt32, into bytes: UnsafeMutableRawBufferPointer) -> Int {
    guard let length = Self.length(of: type), bytes.count >= length else { return 0 }
    var writer = WireWriter(bytes)
    MessageHeader.write(type, length: length, serial: serial, to: &writer)
    switch self {
    case .hello(let oldest, let newest):
      writer.write(WireConstants.magic)
      writer.write(oldest)
      writer.write(newest)
    case .list(let index):
      writer.write(index)
      writer.write(UInt32(0))
    case .open(let vGPU): writer.write(vGPU)
    case .look, .count: break
    case .release(let buffer): writer.write(buffer)
    case .resize(let width, let height):
      writer.write(width)
      writer.write(height)
    }
    return length
  }
}
