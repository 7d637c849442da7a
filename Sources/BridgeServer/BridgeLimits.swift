// SPDX-License-Identifier: Apache-2.0

/// What a bridge gives to its clients at most.
public struct BridgeLimits: Hashable, Sendable {
  /// Clients altogether.
  public var clients = 512
  /// Clients of one user.
  public var clientsPerUser = 256
  /// Clients among them that only users with few can be, so that some of them cannot shut out the rest.
  public var clientsInReserve = 128
  /// How many clients of one user are few.
  public var clientsPerUserInReserve = 8
  /// New connections of one user in a second, also of one who may see nothing.
  public var connectionsPerSecond = 512
  /// Messages of one client that are answered in a second.
  public var messagesPerSecond = 1000
  /// Messages of all of one user's clients that are answered in a second: what he can cost of a
  /// processor.
  public var messagesPerSecondPerUser = 20_000
  /// Buffers that one client holds.
  public var buffersPerClient = 64
  /// Bytes of buffers that one client holds: guests' memory, that lives as long as anyone holds it.
  public var bytesPerClient = 2 << 30
  /// Seconds until a client must have said HELLO.
  public var secondsToHello = 5.0
  /// Seconds that an answer may wait for a client to read.
  public var secondsToRead = 5.0

  /// The limits as they are above.
  public init() {}
}
