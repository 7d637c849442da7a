// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// Who has connected, as the kernel says it (SO_PEERCRED, SO_PEERGROUPS): what the process was when
/// it called connect(2).
public struct Peer: Hashable, Sendable {
  /// The effective user.
  public var user: UInt32
  /// The effective group and the supplementary ones.
  public var groups: Set<UInt32>
  /// The process; a hint for messages, as it may have ended and its number be another's.
  public var process: Int32

  /// Makes a peer of its parts.
  public init(user: UInt32, groups: Set<UInt32>, process: Int32) {
    self.user = user
    self.groups = groups
    self.process = process
  }

  /// The peer of a connected socket.
  init(of socket: Int32) throws(SystemCallError) {
    var user: UInt32 = 0
    var group: UInt32 = 0
    var process: Int32 = 0
    try SystemCall.make("getsockopt(SO_PEERCRED)", on: "bridge's client") {
      vgpu_peer(socket, &user, &group, &process)
    }
    // A user in more groups than Linux allows (NGROUPS_MAX is 65536) does not exist; one in more
    // than these is known by his user and effective group alone.
    var groups: Set<UInt32> = [group]
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 1024) { buffer in
      let count = vgpu_peer_groups(socket, buffer.baseAddress, buffer.count)
      if count > 0 { groups.formUnion(buffer.prefix(Int(count))) }
    }
    self.init(user: user, groups: groups, process: process)
  }
}

/// Whom a rule is about.
public enum Principal: Hashable, Sendable {
  /// A user, by his number.
  case user(UInt32)
  /// All members of a group, by its number.
  case group(UInt32)
}

/// Who may look at a vGPU. Root always may.
public struct AccessPolicy: Hashable, Sendable {
  /// Who else may.
  public var allowed: Set<Principal>

  /// Makes a policy of a list.
  public init(allowed: Set<Principal>) { self.allowed = allowed }

  /// Whether a client may look.
  public func allows(_ peer: Peer) -> Bool {
    peer.user == 0 || allowed.contains(.user(peer.user))
      || peer.groups.contains { allowed.contains(.group($0)) }
  }
}
