// SPDX-License-Identifier: Apache-2.0

import HostDevices
import QEMUArguments

/// The QMP sockets and the agent's port that a QEMU's command line names. The line comes from another process and is not
/// trusted: at worst it names a path that a connection is tried to.
struct QEMUCommandLine: Hashable {
  /// The paths of the QMP sockets that QEMU listens on, in the order of the command line. A path is
  /// relative when the command line has it so.
  private(set) var sockets: [String] = []
  /// Whether libvirt gave QEMU a socket. libvirt is then the socket's client.
  private(set) var isOwnedByLibvirt = false
  /// The guest's name.
  private(set) var name: String?
  /// Whether QEMU's display on D-Bus takes direct clients (`-display dbus,p2p=yes`).
  private(set) var takesDisplayClients = false
  /// Whether that display has the guest's sound (`audiodev=ID`).
  private(set) var displayHasSound = false

  /// Where the port of the guest's agent leads; `nil` when there is none.
  private(set) var agentPort: AgentPort?

  /// The most `-readconfig` files that are read. QEMU's users have one.
  static let mostFiles = 8

  /// Reads the arguments after the program's own name.
  ///
  /// - Parameter read: reads a file that `-readconfig` names; `nil` when it cannot be read.
  init(_ arguments: [String], readingFiles read: (String) -> [UInt8]? = { _ in nil }) {
    var found = QMPEnds()
    var agent = AgentPortEnds()
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
        let options = QEMUOptions(value, first: "backend")
        found.take(characterDevice: options)
        agent.take(characterDevice: options)
      case "device":
        agent.take(device: QEMUOptions(value, first: "driver"))
      case "name":
        name = QEMUOptions(value, first: "guest")["guest"]
      case "display":
        let options = QEMUOptions(value, first: "type")
        takesDisplayClients = options["type"] == "dbus" && options.isOn("p2p")
        displayHasSound = takesDisplayClients && options["audiodev"] != nil
      case "readconfig":
        files += 1
        guard files <= Self.mostFiles, let bytes = read(value) else { break }
        for group in QEMUConfigFile(bytes).groups {
          switch group.name {
          case "mon": found.take(end: group.options)
          case "chardev":
            found.take(characterDevice: group.options)
            agent.take(characterDevice: group.options)
          case "device": agent.take(device: group.options)
          case "name": name = group.options["guest"]
          default: break
          }
        }
      default:
        // The next argument may be an option itself, because not every option has a value.
        continue
      }
      rest.removeFirst()
    }
    (sockets, isOwnedByLibvirt) = found.resolved()
    agentPort = agent.resolved()
  }
}

/// QEMU's QMP monitors (`-mon`), and the character devices that they may use.
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
        // libvirt's name for its own monitor. libvirt gives QEMU a descriptor, or a path in old
        // versions.
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
  /// The path of a Unix socket that QEMU listens on; `nil` when QEMU does not listen, when the
  /// socket has no path, or when nobody can connect to its path.
  var listeningPath: String? {
    guard let path = self["path"], !path.isEmpty, isOn("server"), !isOn("abstract"),
      self["fd"] == nil
    else { return nil }
    return path
  }
}

/// A file of QEMU's `-readconfig`: groups of options that mean the same as options of the command
/// line.
///
///     [chardev "monitor"]
///       backend = "socket"
///
/// Lines that QEMU would refuse are skipped.
struct QEMUConfigFile: Hashable {
  /// One option, such as `-chardev`: the group's name, and the group's values, its id included.
  struct Group: Hashable {
    let name: String
    var options: QEMUOptions
  }

  private(set) var groups: [Group] = []

  /// The largest file in bytes. LXD's files have some KiB. QEMU itself limits only a line, to 1024
  /// bytes.
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
