// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The QMP sockets that a QEMU's command line names. The line comes from another process: all that it
/// can do is to name a path that is tried.
struct QEMUCommandLine: Hashable {
  /// The paths of the QMP sockets that QEMU listens on, in their order. Not absolute when QEMU
  /// was not given an absolute one.
  private(set) var sockets: [String] = []
  /// Whether libvirt handed over a socket, whose client libvirt then is.
  private(set) var isOwnedByLibvirt = false
  /// The guest's name.
  private(set) var name: String?

  /// As many files of `-readconfig` as are looked at: QEMU's users have one.
  static let mostFiles = 8

  /// Reads the arguments after the program's own name.
  ///
  /// - Parameter read: gives what is in a file that `-readconfig` names; `nil` when that cannot be
  ///   had.
  init(_ arguments: [String], readingFiles read: (String) -> [UInt8]? = { _ in nil }) {
    var found = QMPEnds()
    var files = 0
    var rest = arguments.dropFirst()
    while let option = rest.popFirst() {
      guard option.hasPrefix("-"), let value = rest.first else { continue }
      switch option.drop(while: { $0 == "-" }) {
      case "qmp", "qmp-pretty":
        found.take(qmp: value)
      case "mon":
        found.take(end: QEMUOptions(value, first: "chardev"))
      case "chardev":
        found.take(characterDevice: QEMUOptions(value, first: "backend"))
      case "name":
        name = QEMUOptions(value, first: "guest")["guest"]
      case "readconfig":
        files += 1
        guard files <= Self.mostFiles, let bytes = read(value) else { break }
        for group in QEMUConfigFile(bytes).groups {
          switch group.name {
          case "mon": found.take(end: group.options)
          case "chardev": found.take(characterDevice: group.options)
          case "name": name = group.options["guest"]
          default: break
          }
        }
      default:
        // The value may be an option itself: not every option has one.
        continue
      }
      rest.removeFirst()
    }
    (sockets, isOwnedByLibvirt) = found.resolved()
  }
}

/// QMP's ends in QEMU (`-mon`), and the character devices that they may be at.
private struct QMPEnds {
  private enum Place {
    case socket(QEMUOptions)
    case characterDevice(String)
  }

  private var places: [Place] = []
  private var characterDevices: [String: QEMUOptions] = [:]

  /// `-qmp`'s value: `unix:PATH,server=on`, `chardev:ID`, or another kind.
  mutating func take(qmp value: String) {
    if value.hasPrefix("chardev:") {
      places.append(.characterDevice(String(value.dropFirst("chardev:".count))))
    } else if value.hasPrefix("unix:") {
      places.append(
        .socket(QEMUOptions(String(value.dropFirst("unix:".count)), first: "path")))
    }
  }

  mutating func take(end options: QEMUOptions) {
    guard options["mode"] == "control", let id = options["chardev"] else { return }
    places.append(.characterDevice(id))
  }

  mutating func take(characterDevice options: QEMUOptions) {
    if let id = options["id"] { characterDevices[id] = options }
  }

  func resolved() -> (sockets: [String], isOwnedByLibvirt: Bool) {
    var sockets: [String] = []
    var isOwnedByLibvirt = false
    for place in places {
      switch place {
      case .socket(let options):
        if let path = options.listeningPath { sockets.append(path) }
      case .characterDevice(let id):
        guard let options = characterDevices[id], options["backend"] == "socket" else { continue }
        // libvirt's own name for it. It hands over a descriptor, or, in old versions, a path.
        if id == "charmonitor" {
          isOwnedByLibvirt = true
        } else if let path = options.listeningPath {
          sockets.append(path)
        }
      }
    }
    return (sockets, isOwnedByLibvirt)
  }
}

extension QEMUOptions {
  /// The path of a Unix socket that QEMU listens on; `nil` when it does not, when the socket has no
  /// path, and when it has none that could be connected to.
  fileprivate var listeningPath: String? {
    guard let path = self["path"], !path.isEmpty, isOn("server"), !isOn("abstract"),
      self["fd"] == nil
    else { return nil }
    return path
  }
}

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
