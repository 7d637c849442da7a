// SPDX-License-Identifier: Apache-2.0

import SafeText

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
