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
      guard let text = String(validating: line, as: UTF8.self) else { continue }
      take(text.unicodeScalars[...])
    }
  }

  private typealias Text = Substring.UnicodeScalarView

  private mutating func take(_ line: Text) {
    if line.first == "#" { return }
    let rest = line.drop { $0 == " " || $0 == "\t" }
    if rest.first == "[" {
      begin(rest.dropFirst())
    } else if !groups.isEmpty, let sign = rest.firstIndex(of: "=") {
      let name = rest[..<sign].split { $0 == " " || $0 == "\t" }
      guard name.count == 1, let value = Self.quoted(rest[rest.index(after: sign)...]) else {
        return
      }
      groups[groups.count - 1].options[String(name[0])] = value
    }
  }

  /// `NAME]` or `NAME "ID"]`.
  private mutating func begin(_ text: Text) {
    let name = text.prefix { $0 != "]" && $0 != " " && $0 != "\"" }
    var options = QEMUOptions([:])
    if let id = Self.quoted(text.dropFirst(name.count)) { options["id"] = id }
    groups.append(Group(name: String(name), options: options))
  }

  private static func quoted(_ text: Text) -> String? {
    let rest = text.drop { $0 == " " || $0 == "\t" }
    guard rest.first == "\"" else { return nil }
    let value = rest.dropFirst()
    return value.firstIndex(of: "\"").map { String(value[..<$0]) }
  }
}
