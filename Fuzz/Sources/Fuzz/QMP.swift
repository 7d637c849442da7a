// SPDX-License-Identifier: Apache-2.0

@testable import QMP

extension Target {
  /// What QEMU sends, in pieces.
  static let qmp = Target(name: "qmp") { bytes in
    var reader = LineReader(limit: 1 << 16)
    reader.append(bytes[...])
    while let line = reader.next() {
      guard let message = try? JSON.decode(Message.self, from: line) else { continue }
      _ = message
    }
  }
}
