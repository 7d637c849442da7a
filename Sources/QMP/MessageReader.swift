// SPDX-License-Identifier: Apache-2.0

/// Cuts received bytes into messages, whatever pieces they come in.
///
/// A message is a JSON object, and ends where its braces do: QEMU writes it on one line, or on many
/// (`pretty=on`), and other white space means nothing either. Each byte is looked at once and moved
/// once at most.
struct MessageReader {
  /// Why the received bytes cannot be cut any further.
  enum Defect: Error {
    /// Something that is no JSON object.
    case noObject
    /// Brackets deeper than any of QEMU's messages have them.
    case tooDeep
    /// A message beyond the limit.
    case tooLong
  }

  /// The JSON library's own; what QEMU sends is less than twenty deep.
  static let deepest = 512

  private let limit: Int
  private var buffer: [UInt8] = []
  /// Where the message begins that is being read.
  private var start = 0
  /// Up to here the bytes were looked at.
  private var position = 0
  private var depth = 0
  private var isInString = false
  private var isEscaped = false

  /// - Parameter limit: of a message, in bytes.
  init(limit: Int) { self.limit = limit }

  mutating func append(_ bytes: ArraySlice<UInt8>) {
    // Messages that were handed out go at once, so that a long message's bytes are moved only once.
    if start > 0 {
      buffer.removeFirst(start)
      position -= start
      start = 0
    }
    buffer += bytes
  }

  /// The next whole message; `nil` until more is there.
  mutating func next() throws(Defect) -> [UInt8]? {
    while position < buffer.count {
      let byte = buffer[position]
      position += 1
      if depth == 0 {
        if try begins(with: byte) { continue }
        start = position
      } else if try ends(with: byte) {
        defer { start = position }
        guard position - start <= limit else { throw .tooLong }
        return Array(buffer[start..<position])
      }
    }
    guard position - start <= limit else { throw .tooLong }
    return nil
  }

  /// Takes a byte between two messages.
  ///
  /// - Returns: whether it begins one; it is white space otherwise.
  private mutating func begins(with byte: UInt8) throws(Defect) -> Bool {
    switch byte {
    case UInt8(ascii: "{"):
      depth = 1
      return true
    case 0x20, 0x09, 0x0A, 0x0D:
      return false
    default:
      throw .noObject
    }
  }

  /// Takes a byte of a message, and tells whether it is the last. Whether the bytes are JSON the
  /// decoder finds out.
  private mutating func ends(with byte: UInt8) throws(Defect) -> Bool {
    if isInString {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isInString = false
      }
      return false
    }
    switch byte {
    case UInt8(ascii: "\""):
      isInString = true
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard depth < Self.deepest else { throw .tooDeep }
      depth += 1
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      depth -= 1
    default:
      break
    }
    return depth == 0
  }
}
