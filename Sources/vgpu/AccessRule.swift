// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeServer
import HostDevices
import LinuxSystem

/// Who may look through a bridge, and at what.
struct AccessRule {
  let principal: Principal
  /// The vGPU that it is about; all of them where none is named.
  let vGPU: MdevUUID?

  /// Whether the rule is about a vGPU; one without a UUID is meant by the general ones alone.
  func concerns(_ uuid: MdevUUID?) -> Bool { vGPU == nil || vGPU == uuid }
}

extension AccessRule {
  /// Reads `user:NAME`, `group:NAME`, or either after `UUID=`; numbers are names too.
  ///
  /// - Throws: why it is no such rule, or that the host has no such user or group.
  init(parsing argument: String) throws {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    vGPU = parts.count == 2 ? try MdevUUID(parsing: String(parts[0])) : nil
    let words = parts[parts.count - 1].split(
      separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = words.count == 2 ? String(words[1]) : ""
    switch words[0] {
    case "user" where !name.isEmpty:
      guard let user = try UserDatabase.user(name)?.user ?? UInt32(name) else {
        throw ValidationError("there is no user \(name)")
      }
      principal = .user(user)
    case "group" where !name.isEmpty:
      guard let group = try UserDatabase.group(name) else {
        throw ValidationError("there is no group \(name)")
      }
      principal = .group(group)
    default: throw ValidationError("give user:NAME or group:NAME, after UUID= for one vGPU alone")
    }
  }
}
