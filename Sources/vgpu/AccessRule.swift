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

extension AccessRule: ExpressibleByArgument {
  /// Reads `user:NAME`, `group:NAME`, or either after `UUID=`; numbers are names too.
  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let last = parts.last else { return nil }
    if parts.count == 2 {
      guard let uuid = MdevUUID(String(parts[0])) else { return nil }
      vGPU = uuid
    } else {
      vGPU = nil
    }
    let words = last.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard words.count == 2 else { return nil }
    let name = String(words[1])
    switch words[0] {
    case "user":
      guard let user = UserDatabase.user(name)?.user ?? UInt32(name) else { return nil }
      principal = .user(user)
    case "group":
      guard let group = UserDatabase.group(name) else { return nil }
      principal = .group(group)
    default: return nil
    }
  }
}
