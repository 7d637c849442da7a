// SPDX-License-Identifier: Apache-2.0

import CLinux
package import ErrorKinds
public import HostDevices
public import LinuxSystem
import SystemPackage

/// The process that has connected, as the kernel reports it (SO_PEERCRED, SO_PEERGROUPS): its user
/// and groups at the time of connect(2).
public struct Peer: Hashable, Sendable {
  /// The effective user.
  public var user: UInt32
  /// The effective group and the supplementary groups.
  public var groups: Set<UInt32>
  /// The process; only a hint for messages, because another process can have its number by now.
  public var process: Int32

  /// Makes a peer from its parts.
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
    // Nearly all users are in fewer than 64 groups; Linux allows 65536 (NGROUPS_MAX).
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

/// The users of a rule.
@nonexhaustive
public enum Principal: Hashable, Sendable {
  /// A user, by number.
  case user(UInt32)
  /// All members of a group, by number.
  case group(UInt32)
  /// Whoever sits at this machine: the user of an active session on one of its seats, as logind says
  /// (sd_uid_is_on_seat(3)). A user who has opened a vGPU keeps it when another user takes the seat.
  case seat
}

/// The users who may look at a vGPU. Root always may.
public struct AccessPolicy: Hashable, Sendable {
  /// The other users who may.
  public var allowed: Set<Principal>

  /// Makes a policy of a list.
  public init(allowed: Set<Principal>) { self.allowed = allowed }

  /// Whether a client may look.
  public func allows(_ peer: Peer) -> Bool {
    peer.user == 0 || allowed.contains(.user(peer.user))
      || peer.groups.contains { allowed.contains(.group($0)) }
      || allowed.contains(.seat) && ActiveSeat.ofMachine.has(peer.user)
  }
}

/// Who may look through a bridge, and at which vGPU.
public struct AccessRule: Hashable, Sendable {
  /// The users.
  public let principal: Principal
  /// The vGPU of the rule; `nil` for all vGPUs.
  public let vGPU: MdevUUID?

  /// Makes a rule from its parts.
  public init(_ principal: Principal, vGPU: MdevUUID? = nil) {
    self.principal = principal
    self.vGPU = vGPU
  }

  /// Whether the rule applies to a vGPU. To a vGPU without a UUID, only rules for all vGPUs apply.
  func concerns(_ uuid: MdevUUID?) -> Bool { vGPU == nil || vGPU == uuid }
}

extension AccessRule {
  /// Reads `user:NAME`, `group:NAME` or `seat`, or one of them after `UUID=`. A name can be a number.
  ///
  /// - Throws: `AccessRuleError`.
  public init(parsing text: String) throws(AccessRuleError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    var vGPU: MdevUUID?
    if parts.count == 2 {
      guard let uuid = MdevUUID(String(parts[0])) else { throw .invalidUUID(String(parts[0])) }
      vGPU = uuid
    }
    self.init(try Self.principal(parts[parts.count - 1]), vGPU: vGPU)
  }

  private static func principal(_ text: Substring) throws(AccessRuleError) -> Principal {
    let words = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if text == "seat" { return .seat }
    let name = words.count == 2 ? String(words[1]) : ""
    guard !name.isEmpty else { throw .malformed }
    do throws(SystemCallError) {
      switch words[0] {
      case "user":
        if let user = try UserDatabase.user(name)?.user ?? UInt32(name) { return .user(user) }
      case "group":
        if let group = try UserDatabase.group(name) { return .group(group) }
      default: break
      }
    } catch {
      throw .system(error)
    }
    switch words[0] {
    case "user": throw .noSuchUser(name)
    case "group": throw .noSuchGroup(name)
    default: throw .malformed
    }
  }
}

/// Why a text is no rule.
@nonexhaustive
public enum AccessRuleError: Error, Hashable, Sendable {
  /// The text has none of the forms.
  case malformed
  /// The text before `=` is no UUID.
  case invalidUUID(String)
  /// The host has no such user.
  case noSuchUser(String)
  /// The host has no such group.
  case noSuchGroup(String)
  /// The host's user database cannot be read.
  case system(SystemCallError)
}

extension AccessRuleError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .malformed, .invalidUUID: .argument
    case .noSuchUser, .noSuchGroup: .notFound
    case .system(let error): error.errorClass
    }
  }
}

extension AccessRuleError: CustomStringConvertible {
  /// One line: the defect, or the remedy.
  public var description: String {
    switch self {
    case .malformed: "give user:NAME, group:NAME or seat; for only one vGPU, put UUID= before it"
    case .invalidUUID(let text): "\(HostDevicesError.invalidUUID(text))"
    case .noSuchUser(let name): "there is no user \(name)"
    case .noSuchGroup(let name): "there is no group \(name)"
    case .system(let error): "\(error)"
    }
  }
}
