// SPDX-License-Identifier: Apache-2.0

/// How much a connection holds at most.
public struct QMPLimits: Hashable, Sendable {
  /// The longest message from QEMU, in bytes; the connection ends where one is longer.
  public var message = 16 << 20
  /// The bytes that may wait for QEMU to take them.
  public var outgoing = 16 << 20
  /// Of these, what `QMPClient.post` may use: where QEMU does not keep up, old input is of no use.
  public var posted = 64 << 10
  /// The events that wait for a reader; beyond them the oldest are left out.
  public var events = 256

  /// The limits that suit QEMU.
  public init() {}
}
