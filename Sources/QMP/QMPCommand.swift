// SPDX-License-Identifier: Apache-2.0

/// A QMP command with a type for its arguments and its answer. What it encodes are the arguments.
public protocol QMPCommand: Encodable, Sendable {
  /// What QEMU answers.
  associatedtype Response: Decodable & Sendable = NoResponse

  /// The command's name, such as `query-status`.
  static var name: String { get }
}

/// The answer of a command that returns nothing but that it was done.
public struct NoResponse: Decodable, Hashable, Sendable {
  /// Takes whatever stands there: QEMU's schema says `{}`, and may say more one day.
  public init(from decoder: any Decoder) throws {}
}
