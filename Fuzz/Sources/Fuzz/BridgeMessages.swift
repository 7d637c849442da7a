// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol

extension Target {
  /// What a client tells a bridge.
  static let clientMessage = Target(name: "client-message") { bytes in
    guard let (message, serial) = bytes.withUnsafeBytes({ try? ClientMessage.decode($0) }) else {
      return
    }
    // What is not exactly a message is none: so it is written as it was read.
    precondition(written { message.encode(serial: serial, into: $0) } == bytes)
  }

  /// What a bridge tells a client.
  static let bridgeMessage = Target(name: "bridge-message") { bytes in
    guard let (message, serial) = bytes.withUnsafeBytes({ try? BridgeMessage.decode($0) }) else {
      return
    }
    let again = written { message.encode(serial: serial, into: $0) }
    // A character that no Unicode has assigned yet is read, and written as U+FFFD, where that fits.
    precondition(again == bytes || again.count == bytes.count && bytes.contains { $0 > 0x7F })
    guard let second = again.withUnsafeBytes({ try? BridgeMessage.decode($0) }) else {
      preconditionFailure("what was written is no message")
    }
    precondition(written { second.message.encode(serial: second.serial, into: $0) } == again)
  }

  private static func written(_ encode: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: WireConstants.longestMessage) { buffer, count in
      count = encode(UnsafeMutableRawBufferPointer(buffer))
    }
  }
}
