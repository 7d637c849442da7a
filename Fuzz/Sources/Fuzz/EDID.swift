// SPDX-License-Identifier: Apache-2.0

import MonitorEDID

extension Target {
  /// An EDID, as it is and then with its checksum mended, which no guess finds.
  static let edid = Target(name: "edid") { bytes in
    _ = try? EDID(parsing: bytes)
    var block = bytes
    if block.count >= EDID.blockSize {
      block[127] = 0 &- block[..<127].reduce(0) { $0 &+ $1 }
    }
    guard let edid = try? EDID(parsing: block) else { return }
    if let mode = edid.preferredMode {
      precondition(mode.width > 0 && mode.height > 0 && mode.refreshRate.isFinite)
    }
    precondition(edid.name?.utf8.allSatisfy { (0x20...0x7E).contains($0) } ?? true)
  }
}
