// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The most that a bridge gives to its clients.
public struct BridgeLimits: Hashable, Sendable {
  /// Clients altogether.
  public var clients = 512
  /// Clients of one user.
  public var clientsPerUser = 256
  /// Places among `clients` that only users with few clients get, so that some users cannot shut
  /// out the rest.
  public var clientsInReserve = 128
  /// A user with fewer clients than this has few.
  public var clientsPerUserInReserve = 8
  /// New connections of one user in a second, also of a user who may see nothing.
  public var connectionsPerSecond = 512
  /// Messages of one client that are answered in a second.
  public var messagesPerSecond = 1000
  /// Messages of all clients of one user that are answered in a second: this bounds the processor time
  /// that a user can cost.
  public var messagesPerSecondPerUser = 20_000
  /// Buffers that one client holds.
  public var buffersPerClient = 64
  /// Bytes of buffers that one client holds: a guest's memory, which lives as long as anyone holds
  /// it.
  public var bytesPerClient = 2 << 30
  /// How long a client may take to say HELLO.
  public var timeToHello = Duration.seconds(5)
  /// How long an answer may wait for a client to read.
  public var timeToRead = Duration.seconds(5)

  /// The defaults.
  public init() {}

  /// Raises the number of descriptors that this process may have to the number that the
  /// administrator allows (RLIMIT_NOFILE, setrlimit(2)), because a bridge accepts clients for only
  /// half of that number. Call this before a bridge is made. Do not call it in a program that uses
  /// select(2), because select(2) is the reason for the low default limit.
  public static func raiseDescriptorLimit() {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    // When this fails, the bridge accepts fewer clients.
    _ = setrlimit(resource, &limit)
  }
}

/// One user's clients and rates.
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

  /// Whether one more message of the user is answered in this turn.
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

/// All users' accounts, also of users who may see nothing, so that no user can occupy the whole
/// bridge.
struct UserAccounts {
  private var accounts: [UInt32: UserAccount] = [:]
  private let limits: BridgeLimits
  private var clients = 0
  /// The number of users that are remembered: more than clients. A user namespace can have millions
  /// of users.
  private let most: Int

  init(_ limits: BridgeLimits) {
    self.limits = limits
    most = max(1024, limits.clients + 1)
  }

  /// Counts one more connection of a user.
  ///
  /// - Parameter mayLook: whether the user may see a vGPU. Such a user can replace any remembered
  ///   user without clients; another can replace only a user without clients who has also been
  ///   quiet.
  /// - Returns: the user's account; `nil` when this connection is one too many.
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
  /// - Returns: whether the client is within the limits.
  mutating func admit(_ account: UserAccount) -> Bool {
    let few = limits.clientsPerUserInReserve
    let most = account.clients < few ? limits.clients : limits.clients - limits.clientsInReserve
    guard clients < most, account.clients < limits.clientsPerUser else { return false }
    account.clients += 1
    clients += 1
    return true
  }

  /// Removes one client from the count.
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

/// Allows a number of events in a second, and a quarter of this number at once.
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

  /// Takes one event, when one is allowed now.
  mutating func take(_ now: MonotonicInstant) -> Bool {
    fill(now)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// Whether an event is allowed now.
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
