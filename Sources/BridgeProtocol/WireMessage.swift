// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// A side's messages, and the layout of each kind in a datagram.
///
/// A message names its number and its fields once, in `pass`. Reading, writing, its length and the
/// check of `docs/bridge-protocol.md` follow from that.
protocol WireMessage: Sendable {
  /// One message of each kind, in the order of their numbers, without gaps.
  static var kinds: [Self] { get }
  /// The layouts of `kinds`.
  static var layouts: [MessageLayout] { get }

  /// Takes the message's number and then its fields through `fields`, in the order of their bytes.
  mutating func pass<Pass: FieldPass>(_ fields: inout Pass) throws(Pass.Problem)
}

extension WireMessage {
  static func read(
    _ bytes: UnsafeRawBufferPointer
  ) throws(ProtocolError) -> (message: Self, serial: UInt32) {
    guard bytes.count >= WireConstants.headerLength else {
      throw .wrongLength(type: 0, length: bytes.count)
    }
    var reader = FieldReader(bytes)
    let type: UInt16 = reader.next()
    let kind = Int(type) - Int(layouts[0].number)
    guard kind >= 0, kind < layouts.count else { throw .unknownType(type) }
    let length = layouts[kind].length
    guard bytes.count == length, Int(reader.next(UInt16.self)) == length else {
      throw .wrongLength(type: type, length: bytes.count)
    }
    let serial: UInt32 = reader.next()
    var message = kinds[kind]
    try message.pass(&reader)
    return (message, serial)
  }

  func write(serial: UInt32, into bytes: UnsafeMutableRawBufferPointer) -> Int {
    var writer = FieldWriter(bytes, serial: serial)
    var message = self
    message.pass(&writer)
    return writer.finish()
  }
}

/// One pass over a message's fields: it reads them, writes them or lists them.
protocol FieldPass {
  /// What can be wrong with a field.
  associatedtype Problem: Error

  /// Called first, with the kind's number and its name in `docs/bridge-protocol.md`.
  mutating func begin(_ number: UInt16, _ name: StaticString)
  mutating func number<Value: FixedWidthInteger>(
    _ value: inout Value, _ field: StaticString
  ) throws(Problem)
  /// A number that is always the same.
  mutating func constant<Value: FixedWidthInteger>(
    _ value: Value, _ field: StaticString
  ) throws(Problem)
  mutating func identifier(
    _ value: inout VGPUIdentifier, _ field: StaticString
  ) throws(Problem)
  /// Printable UTF-8, padded with zeros.
  mutating func text(
    _ value: inout String, length: Int, _ field: StaticString
  ) throws(Problem)
  /// A condition of the fields so far. Only a reader checks it; a writer may violate it.
  mutating func check(_ isValid: @autoclosure () -> Bool, _ field: StaticString) throws(Problem)
}

extension FieldPass {
  /// A field that has no meaning yet.
  mutating func reserved<Value: FixedWidthInteger>(_ type: Value.Type) throws(Problem) {
    try constant(Value.zero, "reserved field")
  }

  /// Four bytes that are 0 or 1.
  mutating func flag(_ value: inout Bool, _ field: StaticString) throws(Problem) {
    var number: UInt32 = value ? 1 : 0
    try self.number(&number, field)
    try check(number <= 1, field)
    value = number == 1
  }

  /// One of several numbers.
  mutating func choice<Choice: RawRepresentable<UInt32>>(
    _ value: inout Choice, _ field: StaticString
  ) throws(Problem) {
    var number = value.rawValue
    try self.number(&number, field)
    let choice = Choice(rawValue: number)
    try check(choice != nil, field)
    if let choice { value = choice }
  }
}

/// Reads a message's fields one after the other. Its caller has compared the length with the
/// kind's.
private struct FieldReader: FieldPass {
  typealias Problem = ProtocolError

  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func next<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
    let size = MemoryLayout<Value>.size
    guard offset + size <= bytes.count else { return 0 }
    defer { offset += size }
    return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  mutating func begin(_ number: UInt16, _ name: StaticString) {}

  mutating func number<Value: FixedWidthInteger>(_ value: inout Value, _ field: StaticString) {
    value = next()
  }

  mutating func constant<Value: FixedWidthInteger>(
    _ value: Value, _ field: StaticString
  ) throws(ProtocolError) {
    let found: Value = next()
    try check(found == value, field)
  }

  mutating func identifier(_ value: inout VGPUIdentifier, _ field: StaticString) {
    value = VGPUIdentifier(high: next(UInt64.self).bigEndian, low: next(UInt64.self).bigEndian)
  }

  mutating func text(
    _ value: inout String, length: Int, _ field: StaticString
  ) throws(ProtocolError) {
    let part = UnsafeRawBufferPointer(rebasing: bytes[offset..<min(offset + length, bytes.count)])
    offset += length
    let end = part.firstIndex(of: 0) ?? part.count
    guard part[end...].allSatisfy({ $0 == 0 }),
      let text = String(validating: part[..<end], as: UTF8.self), WireText.isPrintable(text)
    else { throw .invalid(field: "\(field)") }
    value = text
  }

  mutating func check(
    _ isValid: @autoclosure () -> Bool, _ field: StaticString
  ) throws(ProtocolError) {
    guard isValid() else { throw .invalid(field: "\(field)") }
  }
}

/// Writes a message's fields one after the other.
private struct FieldWriter: FieldPass {
  typealias Problem = Never

  private let bytes: UnsafeMutableRawBufferPointer
  private let serial: UInt32
  private var offset = 0

  init(_ bytes: UnsafeMutableRawBufferPointer, serial: UInt32) {
    self.bytes = bytes
    self.serial = serial
  }

  private mutating func write(_ value: some FixedWidthInteger) {
    let end = offset + value.bitWidth / 8
    // Bytes without room are counted too, so that `finish` can report them.
    if end <= bytes.count {
      bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value))
    }
    offset = end
  }

  /// Writes the length into the header.
  ///
  /// - Returns: the length, or 0 when there was not enough room.
  mutating func finish() -> Int {
    let length = offset
    guard length <= bytes.count else { return 0 }
    offset = MemoryLayout<UInt16>.size
    write(UInt16(truncatingIfNeeded: length))
    return length
  }

  mutating func begin(_ number: UInt16, _ name: StaticString) {
    write(number)
    write(UInt16(0))
    write(serial)
  }

  mutating func number<Value: FixedWidthInteger>(_ value: inout Value, _ field: StaticString) {
    write(value)
  }

  mutating func constant<Value: FixedWidthInteger>(_ value: Value, _ field: StaticString) {
    write(value)
  }

  mutating func identifier(_ value: inout VGPUIdentifier, _ field: StaticString) {
    write(value.high.bigEndian)
    write(value.low.bigEndian)
  }

  mutating func text(_ value: inout String, length: Int, _ field: StaticString) {
    var left = length
    for byte in WireText.cut(value, to: length).utf8 {
      write(byte)
      left -= 1
    }
    for _ in 0..<left { write(UInt8(0)) }
  }

  func check(_ isValid: @autoclosure () -> Bool, _ field: StaticString) {}
}

/// A kind of message, described: its number, its name, and the fields after the header.
struct MessageLayout: Sendable {
  struct Field: Sendable {
    let offset: Int
    let size: Int
    /// The field's value when it is always the same.
    let constant: UInt64?
  }

  private(set) var number: UInt16 = 0
  private(set) var name = ""
  private(set) var length = WireConstants.headerLength
  private(set) var fields: [Field] = []

  static func all<Message: WireMessage>(of kinds: [Message]) -> [MessageLayout] {
    kinds.map { kind in
      var (kind, layout) = (kind, MessageLayout())
      kind.pass(&layout)
      return layout
    }
  }
}

extension MessageLayout: FieldPass {
  typealias Problem = Never

  private mutating func add(_ size: Int, constant: UInt64? = nil) {
    fields.append(Field(offset: length, size: size, constant: constant))
    length += size
  }

  mutating func begin(_ number: UInt16, _ name: StaticString) {
    self.number = number
    self.name = "\(name)"
  }

  mutating func number<Value: FixedWidthInteger>(_ value: inout Value, _ field: StaticString) {
    add(MemoryLayout<Value>.size)
  }

  mutating func constant<Value: FixedWidthInteger>(_ value: Value, _ field: StaticString) {
    add(MemoryLayout<Value>.size, constant: UInt64(truncatingIfNeeded: value))
  }

  mutating func identifier(_ value: inout VGPUIdentifier, _ field: StaticString) { add(16) }

  mutating func text(_ value: inout String, length: Int, _ field: StaticString) { add(length) }

  func check(_ isValid: @autoclosure () -> Bool, _ field: StaticString) {}
}
