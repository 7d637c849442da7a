// SPDX-License-Identifier: Apache-2.0

/// Which QEMU this is: QMP's `VersionInfo`.
public struct QMPVersion: Decodable, Hashable, Sendable {
  /// The first number, 10 of 10.0.2.
  public let major: Int
  /// The second number.
  public let minor: Int
  /// The third number.
  public let micro: Int
  /// What a distribution calls its build; empty for QEMU's own.
  public let package: String

  private enum Key: String, CodingKey { case qemu, package, major, minor, micro }

  /// Reads `{"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": ""}`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    package = try container.decode(String.self, forKey: .package)
    let numbers = try container.nestedContainer(keyedBy: Key.self, forKey: .qemu)
    major = try numbers.decode(Int.self, forKey: .major)
    minor = try numbers.decode(Int.self, forKey: .minor)
    micro = try numbers.decode(Int.self, forKey: .micro)
  }
}

extension QMPVersion: CustomStringConvertible {
  /// `10.0.2`.
  public var description: String { "\(major).\(minor).\(micro)" }
}
