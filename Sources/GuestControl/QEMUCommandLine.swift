// SPDX-License-Identifier: Apache-2.0

/// What a QEMU's command line says of its QMP monitors. It comes from another process: whatever
/// stands there makes no more than a path that is tried.
struct QEMUCommandLine: Hashable {
  /// The paths of the QMP sockets that QEMU listens on, in their order. Not absolute where QEMU
  /// was not given an absolute one.
  private(set) var sockets: [String] = []
  /// Whether a monitor was handed over by libvirt, which then is its client.
  private(set) var isOwnedByLibvirt = false
  /// The guest's name.
  private(set) var name: String?

  /// Cuts `/proc/PID/cmdline` at its zero bytes. An argument that is not UTF-8 becomes empty.
  static func arguments(in bytes: [UInt8]) -> [String] {
    var parts = bytes.split(separator: 0, omittingEmptySubsequences: false)
    if parts.last?.isEmpty == true { parts.removeLast() }
    return parts.map { String(validating: $0, as: UTF8.self) ?? "" }
  }

  /// Reads the arguments after the program's own name.
  init(_ arguments: [String]) {
    var characterDevices: [String: Options] = [:]
    var monitors: [Monitor] = []
    var rest = arguments.dropFirst()
    while let option = rest.popFirst() {
      guard option.hasPrefix("-"), let value = rest.first else { continue }
      switch option.drop(while: { $0 == "-" }) {
      case "qmp", "qmp-pretty":
        monitors.append(Monitor(value))
      case "mon":
        let options = Options(value, first: "chardev")
        if options["mode"] == "control", let id = options["chardev"] {
          monitors.append(.characterDevice(id))
        }
      case "chardev":
        let options = Options(value, first: "backend")
        if let id = options["id"] { characterDevices[id] = options }
      case "name":
        name = Options(value, first: "guest")["guest"]
      default:
        // The value may be an option itself: not every option has one.
        continue
      }
      rest.removeFirst()
    }
    for monitor in monitors {
      switch monitor {
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
  }

  /// What `-qmp` and `-mon` name.
  private enum Monitor {
    case socket(Options)
    case characterDevice(String)

    /// `-qmp`'s value: `unix:PATH,server=on`, `chardev:ID`, or another kind.
    init(_ value: String) {
      if value.hasPrefix("chardev:") {
        self = .characterDevice(String(value.dropFirst("chardev:".count)))
      } else if value.hasPrefix("unix:") {
        self = .socket(Options(String(value.dropFirst("unix:".count)), first: "path"))
      } else {
        self = .socket(Options("", first: "path"))
      }
    }
  }

  /// QEMU's `NAME=VALUE,NAME=VALUE`, in which a comma of a value is doubled.
  private struct Options: Hashable {
    private var values: [String: String] = [:]

    /// - Parameter first: what a first value without a name belongs to.
    init(_ text: String, first: String) {
      for (index, part) in Self.parts(text).enumerated() {
        let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if sides.count == 2 {
          values[String(sides[0])] = String(sides[1])
        } else if index == 0 {
          values[first] = part
        } else {
          values[part] = "on"
        }
      }
    }

    subscript(name: String) -> String? { values[name] }

    /// The path of a Unix socket that QEMU listens on; `nil` where it does not, where the socket
    /// has no path, and where it has none that could be connected to.
    var listeningPath: String? {
      guard let path = values["path"], !path.isEmpty, isOn("server"), !isOn("abstract"),
        values["fd"] == nil
      else { return nil }
      return path
    }

    private func isOn(_ name: String) -> Bool {
      ["on", "yes", "true", "y"].contains(values[name] ?? "off")
    }

    /// By Unicode's scalars: a comma with an accent is a comma to QEMU.
    private static func parts(_ text: String) -> [String] {
      var parts: [String] = []
      var part = String.UnicodeScalarView()
      var rest = text.unicodeScalars[...]
      while let scalar = rest.popFirst() {
        if scalar != "," {
          part.append(scalar)
        } else if rest.first == "," {
          part.append(scalar)
          rest.removeFirst()
        } else {
          parts.append(String(part))
          part = String.UnicodeScalarView()
        }
      }
      parts.append(String(part))
      return parts
    }
  }
}
