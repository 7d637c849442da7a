// SPDX-License-Identifier: Apache-2.0

/// What one end of the agent's protocol can do (`VD_AGENT_CAP_*`). A message has fields that depend on
/// what both ends can do.
public struct AgentCapabilities: OptionSet, Hashable, Sendable {
  /// The first 64 bits of the announcement. The protocol has 18 so far.
  public let rawValue: UInt64

  /// Makes capabilities of the protocol's bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  private init(bit: UInt64) { rawValue = 1 << bit }

  /// It takes the pointer's place and buttons.
  public static let mouseState = AgentCapabilities(bit: 0)
  /// It sets the sizes of monitors.
  public static let monitorsConfig = AgentCapabilities(bit: 1)
  /// It acknowledges what it was told to set.
  public static let reply = AgentCapabilities(bit: 2)
  /// It sets wallpaper, fonts and colours.
  public static let displayConfig = AgentCapabilities(bit: 4)
  /// It offers a clipboard's types and sends a content only when asked. Without this there is no clipboard.
  public static let clipboardByDemand = AgentCapabilities(bit: 5)
  /// It tells selections apart: CLIPBOARD, PRIMARY, SECONDARY.
  public static let clipboardSelection = AgentCapabilities(bit: 6)
  /// It takes monitors that are off (0x0) between others.
  public static let sparseMonitors = AgentCapabilities(bit: 7)
  /// Its lines end with a line feed.
  public static let lineFeeds = AgentCapabilities(bit: 8)
  /// Its lines end with a carriage return and a line feed.
  public static let carriageReturns = AgentCapabilities(bit: 9)
  /// It takes a limit for clipboards.
  public static let maxClipboard = AgentCapabilities(bit: 10)
  /// It takes the volume of sound.
  public static let audioVolume = AgentCapabilities(bit: 11)
  /// It takes the places of monitors.
  public static let monitorPositions = AgentCapabilities(bit: 12)
  /// It takes no files.
  public static let filesDisabled = AgentCapabilities(bit: 13)
  /// It tells why a file was refused.
  public static let detailedFileErrors = AgentCapabilities(bit: 14)
  /// It takes descriptions of display devices.
  public static let graphicsDeviceInfo = AgentCapabilities(bit: 15)
  /// It grabs a clipboard again without a release before.
  public static let noReleaseOnRegrab = AgentCapabilities(bit: 16)
  /// It numbers grabs, so that both ends agree who was last.
  public static let grabSerial = AgentCapabilities(bit: 17)

  /// What this library announces.
  static let ours: AgentCapabilities = [
    .mouseState, .monitorsConfig, .reply, .displayConfig, .clipboardByDemand, .clipboardSelection,
    .monitorPositions, .detailedFileErrors, .noReleaseOnRegrab, .grabSerial,
  ]
}
