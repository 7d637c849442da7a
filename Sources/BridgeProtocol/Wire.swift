// SPDX-License-Identifier: Apache-2.0

import HostDevices
import SafeText

/// The display bridge's protocol: what its numbers are. `docs/bridge-protocol.md` describes every
/// byte.
///
/// Each message is one datagram of a Unix socket of type SOCK_SEQPACKET. Numbers are little-endian,
/// and every type of message has one length.
public enum WireConstants {
  /// The versions that this library speaks.
  public static let versions: ClosedRange<UInt16> = 1...1
  /// The first field of both sides' first message: `VGPU` in ASCII.
  public static let magic: UInt32 = 0x5550_4756
  /// The longest message of either side, in bytes.
  public static let longestMessage = 208
  /// The longest side of a picture, in pixels.
  public static let largestSide: UInt32 = 16384

  static let headerLength = 8
  static let nameLength = 64
  static let reasonLength = 192
}

/// What is wrong with a message.
public enum ProtocolError: Error, Hashable, Sendable {
  /// No message of that side has this type.
  case unknownType(UInt16)
  /// The datagram is shorter or longer than its type's messages, or than it says itself.
  case wrongLength(type: UInt16, length: Int)
  /// A field has a value that it cannot have.
  case invalid(field: String)
}

extension ProtocolError: CustomStringConvertible {
  /// One line that says what is wrong.
  public var description: String {
    switch self {
    case .unknownType(let type): "a message of the unknown type \(type)"
    case .wrongLength(let type, let length): "a message of type \(type) with \(length) bytes"
    case .invalid(let field): "a message whose \(field) makes no sense"
    }
  }
}

/// What every message begins with: its type, its length, and a number by which an answer names the
/// question.
struct MessageHeader {
  let type: UInt16
  let serial: UInt32

  /// - Parameter lengths: of the messages that this side may send, by their type.
  init(
    _ bytes: UnsafeRawBufferPointer, _ reader: inout WireReader,
    lengthOf length: (UInt16) -> Int?
  ) throws(ProtocolError) {
    guard bytes.count >= WireConstants.headerLength else {
      throw .wrongLength(type: 0, length: bytes.count)
    }
    type = reader.read()
    guard let length = length(type) else { throw .unknownType(type) }
    guard bytes.count == length, Int(reader.read(UInt16.self)) == length else {
      throw .wrongLength(type: type, length: bytes.count)
    }
    serial = reader.read()
  }

  static func write(_ type: UInt16, length: Int, serial: UInt32, to writer: inout WireWriter) {
    writer.write(type)
    writer.write(UInt16(truncatingIfNeeded: length))
    writer.write(serial)
  }
}

/// Reads a message's fields one after the other. Its length was compared with the type's before.
struct WireReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func read<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
    let size = MemoryLayout<Value>.size
    guard offset + size <= bytes.count else { return 0 }
    defer { offset += size }
    return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  mutating func readIdentifier() -> VGPUIdentifier {
    VGPUIdentifier(high: read(UInt64.self).bigEndian, low: read(UInt64.self).bigEndian)
  }

  /// A field that says nothing yet.
  mutating func readZero<Value: FixedWidthInteger>(
    _ type: Value.Type, _ field: StaticString = "reserved field"
  ) throws(ProtocolError) {
    guard read(type) == 0 else { throw .invalid(field: "\(field)") }
  }

  /// Printable UTF-8, padded with zeros.
  mutating func readText(
    length: Int, _ field: StaticString
  ) throws(ProtocolError) -> String {
    let part = UnsafeRawBufferPointer(rebasing: bytes[offset..<min(offset + length, bytes.count)])
    offset += length
    let end = part.firstIndex(of: 0) ?? part.count
    guard part[end...].allSatisfy({ $0 == 0 }),
      let text = String(validating: part[..<end], as: UTF8.self), WireText.isPrintable(text)
    else { throw .invalid(field: "\(field)") }
    return text
  }
}

/// Writes a message's fields one after the other, into a buffer that was found long enough.
struct WireWriter {
  private let bytes: UnsafeMutableRawBufferPointer
  private(set) var offset = 0

  init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

  mutating func write(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { source in
      UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<(offset + source.count)])
        .copyMemory(from: source)
      offset += source.count
    }
  }

  mutating func write(_ identifier: VGPUIdentifier) {
    write(identifier.high.bigEndian)
    write(identifier.low.bigEndian)
  }

  mutating func write(_ text: String, length: Int) {
    var left = length
    for byte in WireText.cut(text, to: length).utf8 {
      write(byte)
      left -= 1
    }
    for _ in 0..<left { write(UInt8(0)) }
  }
}

/// Text in messages, which ends up in windows and terminals of the other side.
enum WireText {
  /// Whether nothing in it steers a terminal.
  static func isPrintable(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy(PlainText.isSafe)
  }

  /// The text without what may not be in it, and as much of it as fits.
  static func cut(_ text: String, to length: Int) -> String {
    var cut = String.UnicodeScalarView()
    var count = 0
    for scalar in PlainText.line(text, limit: length).unicodeScalars {
      count += UTF8.width(scalar)
      if count > length { break }
      cut.append(scalar)
    }
    return String(cut)
  }
}
