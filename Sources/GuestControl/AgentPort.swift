// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
import QEMUArguments

/// Where a QEMU's command line leads the port of the guest's agent (`com.redhat.spice.0`). It is a claim of
/// another process, and the code that connects checks it.
@nonexhaustive
public enum AgentPort: Hashable, Sendable {
  /// To a Unix socket that QEMU listens on. The path is relative when QEMU's command line has it so and this
  /// user may not see QEMU's folder.
  case socket(path: String)
  /// To QEMU's SPICE server (`spicevmc`).
  case spice
  /// To QEMU's own agent's client (`qemu-vdagent`), which knows text only.
  case qemu
  /// To a descriptor that a manager has, such as libvirt.
  case manager
  /// To another character device, by QEMU's name of its kind.
  case other(String)

  /// The port's name, which agents look for.
  static let name = "com.redhat.spice.0"

  /// Reads a process's command line. It makes no connection, because QEMU serves one client of a socket at
  /// a time.
  ///
  /// - Returns: `nil` when the guest has no such port.
  /// - Throws: `QMPUnavailable` when the command line cannot be read.
  public static func find(of process: RunningProcess) throws(QMPUnavailable) -> AgentPort? {
    try ProcessConnector.agentPort(of: process)
  }
}

/// The agent's port, and the character devices that it may use.
struct AgentPortEnds {
  private var characterDevice: String?
  private var characterDevices: [String: QEMUOptions] = [:]

  mutating func take(device options: QEMUOptions) {
    guard options["driver"] == "virtserialport", options["name"] == AgentPort.name else { return }
    characterDevice = options["chardev"]
  }

  mutating func take(characterDevice options: QEMUOptions) {
    if let id = options["id"] { characterDevices[id] = options }
  }

  func resolved() -> AgentPort? {
    guard let id = characterDevice, let options = characterDevices[id] else { return nil }
    switch options["backend"] {
    case "spicevmc": return .spice
    case "qemu-vdagent": return .qemu
    case "socket" where options["fd"] != nil: return .manager
    case "socket":
      return options.listeningPath.map { .socket(path: $0) } ?? .other("socket")
    default: return .other(options["backend"] ?? "")
    }
  }
}
