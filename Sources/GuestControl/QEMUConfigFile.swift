// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// A file of QEMU's `-readconfig`: groups of options, which stand for options of the command line.
///
///     [chardev "monitor"]
///       backend = "socket"
///
/// Lines that QEMU would refuse are passed over.
struct QEMUConfigFile: Hashable {
  /// One option, as `-chardev` would be: the group's name, and its values with the group's id among
  /// them.
  struct Group: Hashable {
    let name: String
    var options: QEMUOptions
  }

  private(set) var groups: [Group] = []

  /// QEMU's own is a line's: 1024 bytes. LXD's files have some KiB.
  static let largest = 1 << 20

  init(_ bytes: [UInt8]) {
    for line in bytes.split(separator: UInt8(ascii: "\n")) where line.count <= 1024 {
      if String(validating: line, as: UTF8.self) != nil { take(line) }
    }
  }

  private typealias Text = ArraySlice<UInt8>

  private mutating func take(_ line: Text) {
    if line.first == UInt8(ascii: "#") { return }
    let rest = line.drop(while: Self.isBlank)
    if rest.first == UInt8(ascii: "[") {
      begin(rest.dropFirst())
    } else if !groups.isEmpty, let sign = rest.firstIndex(of: UInt8(ascii: "=")) {
      let name = rest[..<sign].split(whereSeparator: Self.isBlank)
      guard name.count == 1, let value = Self.quoted(rest[(sign + 1)...]) else { return }
      groups[groups.count - 1].options[String(decoding: name[0], as: UTF8.self)] = value
    }
  }

  /// `NAME]` or `NAME "ID"]`.
  private mutating func begin(_ text: Text) {
    let name = text.prefix { !Self.isBlank($0) && $0 != UInt8(ascii: "]") && $0 != quote }
    var options = QEMUOptions([:])
    if let id = Self.quoted(text.dropFirst(name.count)) { options["id"] = id }
    groups.append(Group(name: String(decoding: name, as: UTF8.self), options: options))
  }

  private static func quoted(_ text: Text) -> String? {
    let rest = text.drop(while: isBlank)
    guard rest.first == quote else { return nil }
    let value = rest.dropFirst()
    return value.firstIndex(of: quote).map { String(decoding: value[..<$0], as: UTF8.self) }
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}

private let quote = UInt8(ascii: "\"")
