// SPDX-License-Identifier: Apache-2.0

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
