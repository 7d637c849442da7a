// SPDX-License-Identifier: Apache-2.0

/// Cuts received bytes into messages. The bytes may come in pieces of any size.
///
/// A message is a JSON object, and ends with its last brace. Line ends do not end it: QEMU writes a
/// message on one line, or on many (`pretty=on`). White space between messages has no meaning. The
/// reader looks at each byte once, and moves it once at most.
struct MessageReader {
  /// Why the received bytes cannot be cut any further.
  enum Defect: Error {
    /// Bytes that are no JSON object.
    case noObject
    /// Brackets that are nested deeper than in any of QEMU's messages.
    case tooDeep
    /// A message longer than the limit.
    case tooLong
  }

  /// The deepest nesting of brackets: the JSON library's own limit. QEMU's messages are less than
  /// twenty deep.
  static let deepest = 512

  private let limit: Int
  private var buffer: [UInt8] = []
  /// The first byte of the message that is being read.
  private var start = 0
  /// The first byte that the reader has not looked at.
  private var position = 0
  private var depth = 0
  private var isInString = false
  private var isEscaped = false

  /// - Parameter limit: the longest message, in bytes.
  init(limit: Int) { self.limit = limit }

  mutating func append(_ bytes: ArraySlice<UInt8>) {
    // Removes returned messages now, so that the bytes of a long message are moved only once.
    if start > 0 {
      buffer.removeFirst(start)
      position -= start
      start = 0
    }
    buffer += bytes
  }

  /// The next whole message; `nil` until more bytes are there.
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
  /// - Returns: true when the byte begins a message; false for white space.
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

  /// Takes a byte of a message. The decoder checks later whether the bytes are JSON.
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
