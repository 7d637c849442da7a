// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Compares RLIMIT_MEMLOCK with the guest's memory (`/proc/self/limits`).
struct LockedMemoryCheck: Check {
  let id = "memlock"
  let title = "Memory that may be locked"
  let area = CheckArea.rights
  let why = "A real device locks all of a guest's memory; a vGPU locks much of it."
  let documentation = "docs/host.md#rights"

  func examine(_ machine: Machine) -> Verdict {
    if machine.isRoot { return .ok("root has no limit") }
    let line = machine.files.lines("/proc/self/limits").first {
      $0.hasPrefix("Max locked memory")
    }
    guard let soft = line?.dropFirst("Max locked memory".utf8.count).split(separator: " ").first
    else { return .notApplicable("unknown: /proc/self/limits does not tell") }
    guard soft != "unlimited" else { return .ok("unlimited") }
    guard let bytes = UInt64(soft) else {
      return .notApplicable("unknown: /proc/self/limits does not tell")
    }
    // A real device needs more: QEMU's own memory and the device's are locked too.
    let overhead = machine.purpose.isPassthrough ? 1024 : 0
    let needed = machine.guestMemory + overhead
    let found = "\(bytes >> 20) MiB, and the guest needs \(needed) MiB"
    if bytes >> 20 >= UInt64(max(0, needed)) { return .ok(found) }
    let (remedy, fix) = remedy(machine)
    return machine.purpose.isPassthrough
      ? .fail(found, remedy: remedy, fix: fix) : .warn(found, remedy: remedy, fix: fix)
  }

  private func remedy(_ machine: Machine) -> (String, fix: [String]) {
    let paths = ["/etc/security/limits.conf"] + DropInFolders.limits.paths(machine.files)
    for path in paths {
      for line in machine.files.lines(path) {
        let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
        guard words.count == 4, words[2] == "memlock", words[3] == "unlimited" || words[3] == "-1"
        else { continue }
        let whom =
          words[0].hasPrefix("@")
          ? "join group \(words[0].dropFirst()) (usermod -aG \(words[0].dropFirst()) USER)"
          : "become \(words[0])"
        return ("\(path) lifts the limit for \(words[0]): \(whom), and log in again", [])
      }
    }
    let rule = "@kvm - memlock unlimited"
    return (
      "put \(rule) into \(OwnFile.limits.path), and log in again", [OwnFile.limits.keep([rule])]
    )
  }
}
