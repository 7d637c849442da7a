// SPDX-License-Identifier: Apache-2.0

/// `query-status`: what the machine is doing.
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

/// `query-version`: which QEMU this is.
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

/// `stop`: holds the machine's CPUs.
public struct Stop: QMPCommand {
  public static let name = "stop"

  /// Makes the command.
  public init() {}
}

/// `qmp_capabilities`: the first command of every connection, which ends the negotiation.
struct Capabilities: QMPCommand {
  static let name = "qmp_capabilities"
}

/// `query-cpus-fast`: the machine's processors, without stopping them.
public struct QueryCPUs: QMPCommand {
  public static let name = "query-cpus-fast"
  public typealias Response = [CPU]

  /// QMP's `CpuInfoFast`.
  public struct CPU: Decodable, Hashable, Sendable {
    /// Its number, from 0.
    public let index: Int
    /// The host's thread that runs it, by its number (gettid(2)).
    public let thread: Int32

    private enum CodingKeys: String, CodingKey {
      case index = "cpu-index"
      case thread = "thread-id"
    }
  }

  /// Makes the command.
  public init() {}
}

/// `query-mice`: the machine's pointing devices.
public struct QueryMice: QMPCommand {
  public static let name = "query-mice"
  public typealias Response = [Mouse]

  /// QMP's `MouseInfo`.
  public struct Mouse: Decodable, Hashable, Sendable {
    /// What QEMU calls it, such as `QEMU HID Tablet`.
    public let name: String
    /// QEMU's number for it.
    public let index: Int
    /// Whether it is the one that is moved. A tablet becomes it as the guest's driver starts it.
    public let current: Bool
    /// Whether it takes places (a tablet) and not steps.
    public let absolute: Bool
  }

  /// Makes the command.
  public init() {}
}

/// `human-monitor-command`: a line of the monitor for people, for what QMP has no command for.
public struct HumanMonitorCommand: QMPCommand {
  public static let name = "human-monitor-command"
  /// What the monitor prints, which for most commands is nothing unless they fail.
  public typealias Response = String

  /// The line.
  public let commandLine: String

  private enum CodingKeys: String, CodingKey { case commandLine = "command-line" }

  /// Makes `mouse_set`, which lets the pointing device with this number in `query-mice` have what
  /// the mouse does: buttons, wheel, and what of motion it takes.
  public static func selectMouse(_ index: Int) -> HumanMonitorCommand {
    HumanMonitorCommand(commandLine: "mouse_set \(index)")
  }
}

/// `screendump`: writes what a console of QEMU's own shows to a file, as PPM. A vGPU's screen is no
/// such console.
public struct Screendump: QMPCommand {
  public static let name = "screendump"

  /// The file's path as QEMU sees it, which QEMU opens with its own rights, and overwrites.
  public let filename: String

  /// Makes the command of a path.
  public init(filename: String) { self.filename = filename }
}
