// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TestSupport
import Testing

@testable import GuestAgent

extension RealAgent {
  /// A client of the agent.
  func client(_ log: EventLog = EventLog()) async throws -> AgentClient {
    let client = try AgentClient(
      owning: OwnedFileDescriptor(owning: try accept()), name: "port", onEvent: log.add)
    let state = await client.stateAfterWaiting(atMost: .seconds(60))
    try #require(state.capabilities != nil, "\(state)")
    return client
  }
}

/// Bytes of which no two places are alike.
func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var generator = SeededGenerator(seed: seed)
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + 8)
  while bytes.count < count {
    withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) }
  }
  return Array(bytes.prefix(count))
}

/// A text of many bytes, with characters of one to four.
func sampleText(_ count: Int) -> [UInt8] {
  let alphabet = Array("abcdefgh ÄÖ€漢🙂\n".unicodeScalars)
  var generator = SeededGenerator(seed: 2)
  let block = (0..<20_000).map { _ in
    String(alphabet[Int(generator.next() % UInt64(alphabet.count))])
  }.joined()
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count)
  // Each block begins with its number.
  while bytes.count + block.utf8.count + 20 < count {
    bytes += Array("\(bytes.count) \(block)".utf8)
  }
  return bytes + [UInt8](repeating: 65, count: count - bytes.count)
}
