// SPDX-License-Identifier: Apache-2.0

import SafeText

/// Reads the tags of an XML document, one after the other: elements and attributes, without text,
/// comments and processing instructions. It is strict: a document that is not well-formed is an
/// error. A document type definition is an error too, because it could define entities.
struct XMLScanner {
  /// One tag.
  enum Tag: Equatable {
    case start(String, [String: String])
    case end(String)
  }

  /// An error in the document, and its byte offset.
  struct Defect: Error, CustomStringConvertible, Equatable {
    let reason: String
    let offset: Int

    var description: String { "\(reason) at byte \(offset)" }
  }

  private let bytes: [UInt8]
  private var position = 0
  private var open: [String] = []
  private var pendingEnd: String?
  private var hasRoot = false

  /// The deepest nesting of elements. libvirt's documents are less than twenty deep.
  private static let deepest = 256

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next tag; `nil` at the end of a complete document. An empty element gives a start and an
  /// end.
  mutating func next() throws(Defect) -> Tag? {
    if let name = pendingEnd {
      pendingEnd = nil
      return .end(name)
    }
    while try skipText() {
      if take("<!--") {
        try skip(past: "-->", "a comment without an end")
      } else if take("<![CDATA[") {
        guard !open.isEmpty else { throw defect("text outside of the document") }
        try skip(past: "]]>", "a CDATA section without an end")
      } else if take("<?") {
        try skip(past: "?>", "an instruction without an end")
      } else if take("<!") {
        throw defect("a document type definition")
      } else if take("</") {
        return try endTag()
      } else {
        position += 1
        return try startTag()
      }
    }
    if let name = open.last { throw defect("no end of <\(name)>") }
    guard hasRoot else { throw defect("no element") }
    return nil
  }

  private mutating func startTag() throws(Defect) -> Tag {
    let name = try self.name()
    guard !open.isEmpty || !hasRoot else { throw defect("a second document") }
    guard open.count < Self.deepest else { throw defect("more than \(Self.deepest) levels") }
    hasRoot = true
    var attributes: [String: String] = [:]
    while true {
      let hasBlank = skipBlanks()
      if take("/>") {
        pendingEnd = name
        return .start(name, attributes)
      }
      if take(">") {
        open.append(name)
        return .start(name, attributes)
      }
      guard hasBlank else { throw defect("no end of a tag") }
      let key = try self.name()
      skipBlanks()
      guard take("=") else { throw defect("an attribute without a value") }
      skipBlanks()
      let value = try quoted()
      guard attributes.updateValue(value, forKey: key) == nil else {
        throw defect("an attribute twice")
      }
    }
  }

  private mutating func endTag() throws(Defect) -> Tag {
    let name = try self.name()
    skipBlanks()
    guard take(">") else { throw defect("no end of a tag") }
    guard open.popLast() == name else { throw defect("</\(name)> ends no element") }
    return .end(name)
  }

  /// Reads a name. Every character beyond ASCII counts as a name character, although XML allows
  /// only some.
  private mutating func name() throws(Defect) -> String {
    let start = position
    while position < bytes.count, Self.isNameByte(bytes[position], isFirst: position == start) {
      position += 1
    }
    guard position > start else { throw defect("no name") }
    return try text(bytes[start..<position])
  }

  private static func isNameByte(_ byte: UInt8, isFirst: Bool) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "_"), UInt8(ascii: ":"), 0x80...:
      true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
      !isFirst
    default:
      false
    }
  }

  private mutating func quoted() throws(Defect) -> String {
    guard position < bytes.count,
      bytes[position] == UInt8(ascii: "'") || bytes[position] == UInt8(ascii: "\"")
    else { throw defect("a value without quotes") }
    let quote = bytes[position]
    position += 1
    var value: [UInt8] = []
    while position < bytes.count {
      switch bytes[position] {
      case quote:
        position += 1
        return try text(value[...])
      case UInt8(ascii: "&"):
        value += try reference()
      case UInt8(ascii: "<"):
        throw defect("a tag in a value")
      default:
        value.append(bytes[position])
        position += 1
      }
    }
    throw defect("a value without an end")
  }

  /// Reads one of XML's own entities, or a character by its number.
  private mutating func reference() throws(Defect) -> [UInt8] {
    let longest = 12
    let rest = bytes[(position + 1)...].prefix(longest)
    guard let end = rest.firstIndex(of: UInt8(ascii: ";")) else { throw defect("a lone &") }
    let name = rest[..<end]
    let scalar: Unicode.Scalar? =
      switch String(decoding: name, as: UTF8.self) {
      case "lt": "<"
      case "gt": ">"
      case "amp": "&"
      case "quot": "\""
      case "apos": "'"
      default: Self.numbered(name)
      }
    guard let scalar else { throw defect("an unknown entity") }
    position = end + 1
    return Array(String(Character(scalar)).utf8)
  }

  private static func numbered(_ name: ArraySlice<UInt8>) -> Unicode.Scalar? {
    guard name.first == UInt8(ascii: "#") else { return nil }
    let digits = name.dropFirst()
    let isHexadecimal = digits.first == UInt8(ascii: "x")
    let number = isHexadecimal ? digits.dropFirst() : digits
    // Refuse a sign, because the integer's initializer would take it.
    guard number.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) else {
      return nil
    }
    return UInt32(String(decoding: number, as: UTF8.self), radix: isHexadecimal ? 16 : 10)
      .flatMap { $0 == 0 ? nil : Unicode.Scalar($0) }
  }

  /// - Returns: whether a tag follows.
  private mutating func skipText() throws(Defect) -> Bool {
    while position < bytes.count, bytes[position] != UInt8(ascii: "<") {
      guard !open.isEmpty || Self.isBlank(bytes[position]) else {
        throw defect("text outside of the document")
      }
      position += 1
    }
    return position < bytes.count
  }

  @discardableResult
  private mutating func skipBlanks() -> Bool {
    let start = position
    while position < bytes.count, Self.isBlank(bytes[position]) { position += 1 }
    return position > start
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }

  private mutating func take(_ text: StaticString) -> Bool {
    let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    guard bytes[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  private mutating func skip(past text: StaticString, _ reason: String) throws(Defect) {
    while position < bytes.count {
      if take(text) { return }
      position += 1
    }
    throw defect(reason)
  }

  private func text(_ bytes: ArraySlice<UInt8>) throws(Defect) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw defect("no UTF-8") }
    return text
  }

  /// An error at the current byte.
  func defect(_ reason: String) -> Defect {
    Defect(reason: PlainText.line(reason), offset: position)
  }
}
