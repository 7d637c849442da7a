// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

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
