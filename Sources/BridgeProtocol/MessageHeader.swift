// SPDX-License-Identifier: Apache-2.0

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
