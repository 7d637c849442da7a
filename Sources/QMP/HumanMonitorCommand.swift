// SPDX-License-Identifier: Apache-2.0

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
