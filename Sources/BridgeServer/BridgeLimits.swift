// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

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

/// What one user has of a bridge.
final class UserAccount {
  let user: UInt32
  fileprivate(set) var clients = 0
  fileprivate var connections: TokenBucket
  var messages: TokenBucket

  private var turn: UInt64 = 0
  private var answeredInTurn = 0
  /// Messages that are answered before other users' next ones.
  private static let mostInTurn = 64

  init(_ user: UInt32, _ limits: BridgeLimits, _ now: MonotonicInstant) {
    self.user = user
    connections = TokenBucket(perSecond: limits.connectionsPerSecond, now: now)
    messages = TokenBucket(perSecond: limits.messagesPerSecondPerUser, now: now)
  }

  /// Whether one more message of his is answered in this turn.
  func hasShare(of turn: UInt64) -> Bool {
    if self.turn != turn {
      self.turn = turn
      answeredInTurn = 0
    }
    return answeredInTurn < Self.mostInTurn
  }

  func countMessage(_ now: MonotonicInstant) {
    answeredInTurn += 1
    _ = messages.take(now)
  }

  fileprivate func isIdle(_ now: MonotonicInstant) -> Bool {
    clients == 0 && connections.isFull(now)
  }
}

/// What each user has of a bridge, so that none can have all of it: also those who may see nothing.
struct UserAccounts {
  private var accounts: [UInt32: UserAccount] = [:]
  private let limits: BridgeLimits
  private var clients = 0
  /// Users that are remembered: more than clients. A container's user namespace can have millions.
  private let most: Int

  init(_ limits: BridgeLimits) {
    self.limits = limits
    most = max(1024, limits.clients + 1)
  }

  /// Counts one more connection of a user.
  ///
  /// - Parameter mayLook: whether there is anything that he may see: for such a user one that has no
  ///   clients is forgotten, for others one that has also been quiet.
  /// - Returns: his account; `nil` where that is a connection too many.
  mutating func connect(
    _ user: UInt32, mayLook: Bool, _ now: MonotonicInstant
  ) -> UserAccount? {
    guard let account = account(user, mayLook, now), account.connections.take(now) else {
      return nil
    }
    return account
  }

  /// Counts one more client.
  ///
  /// - Returns: whether that is within the limits.
  mutating func admit(_ account: UserAccount) -> Bool {
    let few = limits.clientsPerUserInReserve
    let most = account.clients < few ? limits.clients : limits.clients - limits.clientsInReserve
    guard clients < most, account.clients < limits.clientsPerUser else { return false }
    account.clients += 1
    clients += 1
    return true
  }

  /// Counts one client less.
  mutating func leave(_ account: UserAccount) {
    account.clients -= 1
    clients -= 1
  }

  private mutating func account(
    _ user: UInt32, _ mayLook: Bool, _ now: MonotonicInstant
  ) -> UserAccount? {
    if let account = accounts[user] { return account }
    if accounts.count >= most { accounts = accounts.filter { !$0.value.isIdle(now) } }
    if accounts.count >= most, mayLook, let other = accounts.first(where: { $1.clients == 0 }) {
      accounts[other.key] = nil
    }
    guard accounts.count < most else { return nil }
    let account = UserAccount(user, limits, now)
    accounts[user] = account
    return account
  }
}

/// Allows so many of something in a second, and a quarter of a second's worth at once.
struct TokenBucket {
  private let rate: Double
  private let most: Double
  private var tokens: Double
  private var filledAt: MonotonicInstant

  init(perSecond rate: Int, now: MonotonicInstant) {
    self.rate = Double(rate)
    most = max(1, Double(rate) / 4)
    tokens = most
    filledAt = now
  }

  private mutating func fill(_ now: MonotonicInstant) {
    tokens = min(most, tokens + max(0, now.seconds(since: filledAt)) * rate)
    filledAt = now
  }

  /// Takes one, if there is one.
  mutating func take(_ now: MonotonicInstant) -> Bool {
    fill(now)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// Whether there is one to take.
  mutating func hasOne(_ now: MonotonicInstant) -> Bool {
    fill(now)
    return tokens >= 1
  }

  /// Whether nothing was taken for a while.
  mutating func isFull(_ now: MonotonicInstant) -> Bool {
    fill(now)
    return tokens == most
  }
}
