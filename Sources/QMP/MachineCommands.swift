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

/// `system_powerdown`: presses the machine's power button. What the guest does about it is its
/// matter.
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

/// `quit`: ends QEMU at once, as pulling the plug does. It answers before it ends.
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
