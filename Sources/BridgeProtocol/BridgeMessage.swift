// SPDX-License-Identifier: Apache-2.0

/// What a bridge tells a client.
public enum BridgeMessage: Hashable, Sendable {
  /// Answers HELLO.
  case welcome(Welcome)
  /// Answers LIST.
  case vGPU(ListedVGPU)
  /// Answers OPEN.
  case opened(OpenedVGPU)
  /// A buffer that the client has not yet; its descriptor comes with the message.
  case buffer(SharedBuffer)
  /// Answers LOOK: what the guest shows.
  case frame(SharedFrame)
  /// Answers LOOK: there is nothing to show, and why.
  case noPicture(Absence, reason: String)
  /// Answers whatever the bridge does not do.
  case refused(Refusal, reason: String)
  /// Answers COUNT.
  case counters(BridgeCounters)
  /// Answers RESIZE.
  case done

  private var type: UInt16 {
    switch self {
    case .welcome: 0x81
    case .vGPU: 0x82
    case .opened: 0x83
    case .buffer: 0x84
    case .frame: 0x85
    case .noPicture: 0x86
    case .refused: 0x87
    case .counters: 0x88
    case .done: 0x89
    }
  }

  private static func length(of type: UInt16) -> Int? {
    switch type {
    case 0x81: 32
    case 0x82: 136
    case 0x83: 104
    case 0x84: 48
    case 0x85: 64
    case 0x86, 0x87: 16 + WireConstants.reasonLength
    case 0x88: 80
    case 0x89: 8
    default: nil
    }
  }

  /// Reads a datagram.
  ///
  /// - Returns: the message, and the serial number of what it answers.
  /// - Throws: `ProtocolError` for everything that is not exactly such a message.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer
  ) throws(ProtocolError) -> (message: BridgeMessage, serial: UInt32) {
    var reader = WireReader(bytes)
    let header = try MessageHeader(bytes, &reader, lengthOf: length)
    return (try body(header.type, &reader), header.serial)
  }

  private static func body(
    _ type: UInt16, _ reader: inout WireReader
  ) throws(ProtocolError) -> BridgeMessage {
    switch type {
    case 0x81: return .welcome(try Welcome(&reader))
    case 0x82: return .vGPU(try ListedVGPU(&reader))
    case 0x83: return .opened(try OpenedVGPU(&reader))
    case 0x84: return .buffer(try SharedBuffer(&reader))
    case 0x85: return .frame(try SharedFrame(&reader))
    case 0x86:
      guard let absence = Absence(rawValue: reader.read()) else { throw .invalid(field: "kind") }
      try reader.readZero(UInt32.self)
      let reason = try reader.readText(length: WireConstants.reasonLength, "reason")
      return .noPicture(absence, reason: reason)
    case 0x87:
      guard let refusal = Refusal(rawValue: reader.read()) else { throw .invalid(field: "code") }
      try reader.readZero(UInt32.self)
      let reason = try reader.readText(length: WireConstants.reasonLength, "reason")
      return .refused(refusal, reason: reason)
    case 0x88: return .counters(try BridgeCounters(&reader))
    case 0x89: return .done
    default: throw .unknownType(type)
    }
  }

  /// Writes the message as a datagram. Text that is too long is cut.
  ///
  /// - Parameters:
  ///   - serial: the number of what it answers.
  ///   - bytes: at least `WireConstants.longestMessage` of them.
  /// - Returns: how many were written; 0 where they are too few.
  public func encode(serial: UInt32, into bytes: UnsafeMutableRawBufferPointer) -> Int {
    guard let length = Self.length(of: type), bytes.count >= length else { return 0 }
    var writer = WireWriter(bytes)
    MessageHeader.write(type, length: length, serial: serial, to: &writer)
    switch self {
    case .welcome(let welcome): welcome.write(to: &writer)
    case .vGPU(let vGPU): vGPU.write(to: &writer)
    case .opened(let opened): opened.write(to: &writer)
    case .buffer(let buffer): buffer.write(to: &writer)
    case .frame(let frame): frame.write(to: &writer)
    case .noPicture(let absence, let reason):
      writer.write(absence.rawValue)
      writer.write(UInt32(0))
      writer.write(reason, length: WireConstants.reasonLength)
    case .refused(let refusal, let reason):
      writer.write(refusal.rawValue)
      writer.write(UInt32(0))
      writer.write(reason, length: WireConstants.reasonLength)
    case .counters(let counters): counters.write(to: &writer)
    case .done: break
    }
    return length
  }
}

/// Why a guest shows nothing.
public enum Absence: UInt32, Hashable, Sendable, CaseIterable {
  /// Its screen is off.
  case planeOff = 1
  /// There is no guest; **both sides forget every buffer**.
  case gone = 2
  /// The picture cannot be had now.
  case trouble = 3
}

/// What a bridge does not do.
public enum Refusal: UInt32, Hashable, Sendable, CaseIterable {
  /// It speaks none of the client's versions. The connection ends.
  case version = 1
  /// The client's user may not. Where nothing is allowed to him, the connection ends.
  case notAllowed = 2
  /// There is no such vGPU, for this client.
  case noSuchVGPU = 3
  /// There are several, and none was named.
  case severalVGPUs = 4
  /// There are too many clients, or this one holds too much. The connection ends.
  case limit = 5
  /// The client has said something that makes no sense. The connection ends.
  case malformed = 6
  /// The guest's monitor cannot be exchanged, or not for such a size.
  case size = 7
  /// A vGPU is to be chosen first.
  case notOpen = 8
}
