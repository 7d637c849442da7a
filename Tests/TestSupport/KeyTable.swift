// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The keys that Linux has, and what QEMU calls them, by keycodemapdb: made by `Scripts/key-table`,
/// and nothing of this project's.
public struct KeyTable {
  /// A key of the kernel's.
  public struct Row: Sendable {
    /// `KEY_A`; `nil` for a number that the kernel gave no name.
    public let linuxName: String?
    /// Its number in linux/input-event-codes.h.
    public let number: UInt16
    /// QAPI's `QKeyCode`; `nil` where QEMU has none.
    public let qKeyCode: String?
    /// QEMU's number of the key; `nil` where it has none.
    public let qemuNumber: UInt32?
  }

  /// In the database's order. A key with two names in QEMU has two rows.
  public let rows: [Row]

  /// Reads the table.
  public init() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../KeyTable/keys.tsv")
    let text = try String(contentsOf: file, encoding: .utf8)
    rows = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
      let words = line.split(separator: "\t").map { $0 == "-" ? nil : String($0) }
      guard words.count == 4, let number = words[1].flatMap(UInt16.init) else { return nil }
      return Row(
        linuxName: words[0], number: number, qKeyCode: words[2],
        qemuNumber: words[3].flatMap(UInt32.init))
    }
  }

  /// The numbers of keys by their names.
  public func numbers(_ names: [String]) -> [UInt16?] {
    names.map { name in rows.first { $0.linuxName == name }?.number }
  }
}
