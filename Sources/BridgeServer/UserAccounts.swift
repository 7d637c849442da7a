// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What each user has of a bridge, so that none can have all of it.
struct UserAccounts {
  private struct Account {
    var clients = 0
    var connections: TokenBucket
  }

  private var accounts: [UInt32: Account] = [:]
  private let limits: BridgeLimits
  /// Users that are remembered; a container's user namespace can have millions.
  private static let most = 1024

  init(_ limits: BridgeLimits) { self.limits = limits }

  /// Whether one more client of a user is within the limits; it counts, if so.
  mutating func admit(_ user: UInt32, _ now: MonotonicInstant) -> Bool {
    if accounts[user] == nil {
      if accounts.count >= Self.most { forgetIdle(now) }
      guard accounts.count < Self.most else { return false }
      accounts[user] = Account(
        connections: TokenBucket(perSecond: limits.connectionsPerSecond, now: now))
    }
    guard var account = accounts[user] else { return false }
    let isAdmitted = account.connections.take(now) && account.clients < limits.clientsPerUser
    if isAdmitted { account.clients += 1 }
    accounts[user] = account
    return isAdmitted
  }

  mutating func leave(_ user: UInt32) { accounts[user]?.clients -= 1 }

  private mutating func forgetIdle(_ now: MonotonicInstant) {
    for (user, account) in accounts where account.clients == 0 {
      var connections = account.connections
      if connections.isFull(now) { accounts[user] = nil }
    }
  }
}
