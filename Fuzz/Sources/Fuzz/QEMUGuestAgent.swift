// SPDX-License-Identifier: Apache-2.0

@testable import GuestSession

extension Target {
  /// What an agent in a guest sends, in pieces.
  static let guestAgent = Target(name: "guest-agent") { bytes in
    let bytes = bytes.prefix(QEMUGuestAgent.limit)
    func lines(inPiecesOf size: Int) -> [[UInt8]] {
      var reader = AgentReader()
      var lines: [[UInt8]] = []
      for start in stride(from: 0, to: bytes.count, by: size) {
        reader.take(bytes[start..<min(start + size, bytes.count)])
        while let line = reader.line() { lines.append(line) }
      }
      precondition(reader.taken == bytes.count)
      return lines
    }
    let whole = lines(inPiecesOf: 4096)
    precondition(lines(inPiecesOf: 7) == whole)
    for line in whole {
      guard case .refusal(let reason) = AgentAnswer(line) else { continue }
      precondition(!reason.unicodeScalars.contains { $0.value < 0x20 })
    }
  }
}
