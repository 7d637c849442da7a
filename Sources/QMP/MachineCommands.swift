// SPDX-License-Identifier: Apache-2.0

/// `query-status`: asks for the machine's state.
public struct QueryStatus: QMPCommand {
  public static let name = "query-status"

  /// QMP's `StatusInfo`.
  public struct Response: Decodable, Hashable, Sendable {
    /// Whether the machine's CPUs run.
    public let running: Bool
    /// QMP's `RunState`, such as `running`, `paused`, `shutdown` or `prelaunch`.
    public let status: String
  }

  /// Makes the command.
  public init() {}
}

/// `query-version`: asks for QEMU's version.
public struct QueryVersion: QMPCommand {
  public static let name = "query-version"
  public typealias Response = QMPVersion

  /// Makes the command.
  public init() {}
}

/// `system_powerdown`: presses the machine's power button. The guest decides what it does then.
public struct SystemPowerdown: QMPCommand {
  public static let name = "system_powerdown"

  /// Makes the command.
  public init() {}
}

/// `system_reset`: presses the machine's reset button.
public struct SystemReset: QMPCommand {
  public static let name = "system_reset"

  /// Makes the command.
  public init() {}
}

/// `quit`: ends QEMU at once, like pulling the plug. QEMU answers before it ends.
public struct Quit: QMPCommand {
  public static let name = "quit"

  /// Makes the command.
  public init() {}
}

/// `cont`: lets the machine's CPUs run.
public struct Continue: QMPCommand {
  public static let name = "cont"

  /// Makes the command.
  public init() {}
}

/// `stop`: stops the machine's CPUs.
public struct Stop: QMPCommand {
  public static let name = "stop"

  /// Makes the command.
  public init() {}
}

/// `qmp_capabilities`: the first command of every connection. It ends the negotiation.
struct Capabilities: QMPCommand {
  static let name = "qmp_capabilities"
}

/// `query-cpus-fast`: asks for the machine's processors, without stopping them.
public struct QueryCPUs: QMPCommand {
  public static let name = "query-cpus-fast"
  public typealias Response = [CPU]

  /// QMP's `CpuInfoFast`.
  public struct CPU: Decodable, Hashable, Sendable {
    /// Its number, from 0.
    public let index: Int
    /// The number of the host's thread that runs the processor (gettid(2)).
    public let thread: Int32

    private enum CodingKeys: String, CodingKey {
      case index = "cpu-index"
      case thread = "thread-id"
    }
  }

  /// Makes the command.
  public init() {}
}

/// `query-mice`: asks for the machine's pointing devices.
public struct QueryMice: QMPCommand {
  public static let name = "query-mice"
  public typealias Response = [Mouse]

  /// QMP's `MouseInfo`.
  public struct Mouse: Decodable, Hashable, Sendable {
    /// QEMU's name for the device, such as `QEMU HID Tablet`.
    public let name: String
    /// QEMU's number for it.
    public let index: Int
    /// Whether QEMU sends motion to this device. A tablet becomes the current device when the
    /// guest's driver starts it.
    public let current: Bool
    /// Whether the device takes places (a tablet) and not steps.
    public let absolute: Bool
  }

  /// Makes the command.
  public init() {}
}

/// `qom-list`: lists the properties of a QEMU object.
package struct QOMList: QMPCommand {
  package static let name = "qom-list"
  package typealias Response = [Property]

  package struct Property: Decodable, Sendable {
    package let name: String
    package let type: String
  }

  /// The object's path.
  package let path: String

  package init(path: String) { self.path = path }
}

/// `human-monitor-command`: runs a line of the human monitor, for functions that have no QMP
/// command.
public struct HumanMonitorCommand: QMPCommand {
  public static let name = "human-monitor-command"
  /// The monitor's output. Most commands print nothing unless they fail.
  public typealias Response = String

  /// The line.
  public let commandLine: String

  private enum CodingKeys: String, CodingKey { case commandLine = "command-line" }

  /// Makes `mouse_set`. From then on the pointing device with this number in `query-mice` gets the
  /// buttons, the wheel, and the motion that it takes.
  public static func selectMouse(_ index: Int) -> HumanMonitorCommand {
    HumanMonitorCommand(commandLine: "mouse_set \(index)")
  }
}

/// `screendump`: writes the picture of one of QEMU's own consoles to a PPM file. A vGPU's screen is
/// no such console.
public struct Screendump: QMPCommand {
  public static let name = "screendump"

  /// The file's path as QEMU sees it. QEMU opens the file with its own rights, and overwrites it.
  public let filename: String

  /// Makes the command from a path.
  public init(filename: String) { self.filename = filename }
}

/// `getfd`: gives QEMU the descriptor that comes with the command, under a name. Use
/// `QMPConnection.execute(_:passing:)`.
public struct GetFD: QMPCommand {
  public static let name = "getfd"

  /// The descriptor's name. A descriptor that had it before is closed.
  public let fdname: String

  /// Makes the command.
  public init(fdname: String) { self.fdname = fdname }
}

/// `closefd`: closes a descriptor that QEMU got by `getfd`.
public struct CloseFD: QMPCommand {
  public static let name = "closefd"

  /// The descriptor's name.
  public let fdname: String

  /// Makes the command.
  public init(fdname: String) { self.fdname = fdname }
}

/// `add_client`: has a display serve a client on a descriptor that QEMU got by `getfd`.
public struct AddClient: QMPCommand {
  public static let name = "add_client"

  /// The kind of display: `@dbus-display`, `vnc`, `spice`.
  public let `protocol`: String
  /// The descriptor's name.
  public let fdname: String

  /// Makes the command.
  public init(protocol kind: String, fdname: String) {
    `protocol` = kind
    self.fdname = fdname
  }
}
