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

/// What each user has of a bridge, so that none can have all of it.
struct UserAccounts {
  private var accounts: [UInt32: UserAccount] = [:]
  private let limits: BridgeLimits
  /// Users that are remembered; a container's user namespace can have millions.
  private static let most = 1024

  init(_ limits: BridgeLimits) { self.limits = limits }

  /// Counts one more client of a user.
  ///
  /// - Returns: his account; `nil` where that is one beyond the limits.
  mutating func admit(_ user: UInt32, _ now: MonotonicInstant) -> UserAccount? {
    guard let account = account(user, now), account.connections.take(now),
      account.clients < limits.clientsPerUser
    else { return nil }
    account.clients += 1
    return account
  }

  func leave(_ account: UserAccount) { account.clients -= 1 }

  private mutating func account(_ user: UInt32, _ now: MonotonicInstant) -> UserAccount? {
    if let account = accounts[user] { return account }
    if accounts.count >= Self.most {
      accounts = accounts.filter { !$0.value.isIdle(now) }
    }
    guard accounts.count < Self.most else { return nil }
    let account = UserAccount(user, limits, now)
    accounts[user] = account
    return account
  }
}
