// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

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
    var groups: Set<UInt32> = [group]
    groups.formUnion(try Self.groups(of: socket))
    self.init(user: user, groups: groups, process: process)
  }

  private static func groups(of socket: Int32) throws(SystemCallError) -> [UInt32] {
    // Nearly everybody is in fewer than the first; Linux allows the second (NGROUPS_MAX).
    for most in [64, 1 << 16] {
      var groups = [UInt32](repeating: 0, count: most)
      let count = vgpu_peer_groups(socket, &groups, most)
      if count >= 0 { return Array(groups.prefix(Int(count))) }
      guard SystemCall.errno(count) == .outOfRange else {
        throw SystemCallError(
          call: "getsockopt(SO_PEERGROUPS)", object: "bridge's client",
          errno: SystemCall.errno(count))
      }
    }
    return []
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
