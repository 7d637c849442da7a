// SPDX-License-Identifier: Apache-2.0

import Glibc
import SafeText
import Synchronization

/// Texts that cross into C: UTF-8 that ends with NUL.
package enum CText {
  /// Writes as many whole characters of a text as there is room for, and the NUL. C programs print
  /// texts unchecked, so the text becomes one line without controls.
  ///
  /// - Returns: the bytes of the whole text, without the NUL.
  package static func write(_ text: String, to room: UnsafeMutableRawBufferPointer) -> Int {
    let bytes = Array(PlainText.line(text).utf8)
    guard !room.isEmpty else { return bytes.count }
    var count = min(bytes.count, room.count - 1)
    // A byte 10xxxxxx goes on with a character that would be cut.
    while count > 0, count < bytes.count, bytes[count] & 0xC0 == 0x80 { count -= 1 }
    room.copyBytes(from: bytes[..<count])
    room[count] = 0
    return bytes.count
  }

  /// The same with C's pair of pointer and size.
  package static func write(_ text: String, to room: UnsafeMutablePointer<CChar>?, size: Int) -> Int
  {
    write(
      text, to: UnsafeMutableRawBufferPointer(start: room, count: room == nil ? 0 : max(0, size)))
  }

  /// The same, with its line feeds, for the caller to free(3).
  package static func copy(_ text: String) throws(Failure) -> UnsafeMutablePointer<CChar> {
    guard let copy = strdup(PlainText.lines(text)) else {
      throw Failure(.system, "a text of \(text.utf8.count) bytes: no memory left")
    }
    return copy
  }

  /// Reads a caller's text that may be NULL.
  package static func optional(
    _ text: UnsafePointer<CChar>?, _ name: String
  ) throws(Failure) -> String? {
    text == nil ? nil : try read(text, name)
  }

  /// Reads a caller's text.
  ///
  /// - Parameter name: the parameter's, for the error.
  package static func read(
    _ text: UnsafePointer<CChar>?, _ name: String
  ) throws(Failure) -> String {
    guard let text else { throw .null(name) }
    guard let string = String(validatingCString: text) else {
      throw Failure(.argument, "\(name): not UTF-8; give a text")
    }
    return string
  }
}

/// An object that C holds by an opaque pointer, which owns one reference.
package protocol Handle: AnyObject {
  /// What the caller calls it.
  static var cName: String { get }
}

extension Handle {
  /// The pointer for a new owner in C.
  package func passedToC() -> OpaquePointer {
    OpaquePointer(Unmanaged.passRetained(self).toOpaque())
  }

  /// The object of a pointer that C goes on owning.
  package static func borrowed(_ pointer: OpaquePointer?) throws(Failure) -> Self {
    guard let pointer else { throw .null(cName) }
    return Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
  }

  /// Ends C's ownership.
  package static func release(_ pointer: OpaquePointer?) {
    guard let pointer else { return }
    Unmanaged<Self>.fromOpaque(UnsafeRawPointer(pointer)).release()
  }
}

/// Fills in the caller's list, as far as it has room.
package func list<Item, Entry>(
  _ items: [Item], _ room: UnsafeMutablePointer<Entry>?, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>, _ entry: (Item) -> Entry
) {
  // A size_t beyond Int's half comes as a negative number.
  if let room {
    for (index, item) in items.prefix(max(0, capacity)).enumerated() { room[index] = entry(item) }
  }
  count.pointee = items.count
}

/// Checks the places for a list.
package func checkRoom<Entry>(
  _ room: UnsafeMutablePointer<Entry>?, _ name: String, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>?
) throws(Failure) -> UnsafeMutablePointer<Int> {
  guard let count else { throw .null("count") }
  guard room != nil || capacity == 0 else { throw .null(name) }
  return count
}

/// Lets one caller after the other use a source and the buffers that came from it, none of which is
/// for several threads at once. Buffers keep it when their source has been closed.
final class Turn: Sendable {
  private let mutex = Mutex(())

  /// Runs `body` while nobody else does.
  func take<Value: Sendable, Problem: Error>(
    _ body: () throws(Problem) -> Value
  ) throws(Problem) -> Value {
    try mutex.withLock { _ throws(Problem) in try body() }
  }
}
