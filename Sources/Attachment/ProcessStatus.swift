// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// What everybody may read of a process: `/proc/PID/status`, its command, who owns its folder.
struct ProcessStatus {
  /// Real, effective and saved user, as the kernel compares them.
  let users: [UInt32]
  /// The same of its group.
  let groups: [UInt32]
  /// Capabilities that it can have, a bit each.
  let permitted: UInt64
  /// Capabilities that it uses.
  let effective: UInt64
  /// Who owns the files in `/proc/PID`: its user, or root where the process hides its memory (not
  /// dumpable).
  let owner: UInt32

  /// - Returns: `nil` when there is no such process.
  init?(_ pid: String, proc: String = "/proc") {
    // The folder itself is its user's in any case.
    let path = "\(proc)/\(pid)/status"
    var file = stat()
    guard stat(path, &file) == 0, let text = Self.text(path) else {
      return nil
    }
    var fields: [Substring: [Substring]] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split { $0 == "\t" || $0 == " " }
      if let name = words.first { fields[name] = Array(words.dropFirst()) }
    }
    func numbers(_ name: Substring) -> [UInt32] {
      (fields[name] ?? []).prefix(3).compactMap { UInt32($0) }
    }
    func bits(_ name: Substring) -> UInt64 {
      fields[name]?.first.flatMap { UInt64($0, radix: 16) } ?? 0
    }
    users = numbers("Uid:")
    groups = numbers("Gid:")
    permitted = bits("CapPrm:")
    effective = bits("CapEff:")
    owner = file.st_uid
    guard users.count == 3, groups.count == 3 else { return nil }
  }

  /// CAP_SYS_PTRACE: whether it may look into others' processes.
  var canTraceOthers: Bool { effective & 1 << 19 != 0 }

  /// A file of `/proc` as text, 64 KiB at most; `nil` when it cannot be read. What is no UTF-8 in
  /// it is replaced.
  static func text(_ path: String) -> String? {
    guard let file = try? OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK) else {
      return nil
    }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 4096)
    while bytes.count < 1 << 16 {
      let count = part.withUnsafeMutableBytes { buffer in
        SystemCall.uninterrupted {
          file.kernel.pread(file.rawValue, buffer, offset: UInt64(bytes.count))
        }
      }
      guard count > 0 else { break }
      bytes += part[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
