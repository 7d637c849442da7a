// SPDX-License-Identifier: Apache-2.0

@testable import QMP

extension Target {
  /// What QEMU sends, in pieces.
  static let qmp = Target(name: "qmp") { bytes in
    var whole = MessageReader(limit: 1 << 22)
    whole.append(bytes[...])
    var messages: [[UInt8]] = []
    while let message = try? whole.next() { messages.append(message) }
    for message in messages
    where (try? Message.read(message, reader: { _ in nil })) != nil {
      _ = try? QueryStatus.response(in: message, from: "")
      _ = try? Screendump.response(in: message, from: "")
    }
    // In pieces it is the same, up to the limit.
    let isLong = bytes.count > 1 << 16
    let piece = isLong ? 16 : 7
    var cut = MessageReader(limit: isLong ? 1 << 22 : 1024)
    var found: [[UInt8]] = []
    do throws(MessageReader.Defect) {
      for start in stride(from: 0, to: bytes.count, by: piece) {
        cut.append(bytes[start..<min(start + piece, bytes.count)])
        while let message = try cut.next() { found.append(message) }
      }
      precondition(found == messages)
    } catch {
      precondition(messages.starts(with: found))
    }
  }
}
