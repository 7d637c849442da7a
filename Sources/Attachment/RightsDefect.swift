// SPDX-License-Identifier: Apache-2.0

import CLinux
import HostDevices
import LinuxSystem
import SystemPackage

/// Which right to look into a process is missing: what the kernel's check of ptrace access
/// (ptrace(2), "Ptrace access mode checking") stumbles over first.
@nonexhaustive
public enum RightsDefect: Hashable, Sendable {
  /// It runs as another user.
  case otherUser(String, ptraceScope: Int)
  /// It hides its memory (prctl(2), PR_SET_DUMPABLE), as programs do that got rights from their
  /// file or changed their user.
  case hidden
  /// It has capabilities that this process lacks.
  case privileged
  /// Yama's `ptrace_scope` is 1: only a process's own ancestors may look into it.
  case onlyAncestors
  /// Yama's `ptrace_scope` is 2: only root may.
  case onlyRoot
  /// Yama's `ptrace_scope` is 3: nobody may.
  case nobody
  /// Nothing of that; another security module, or a user namespace.
  case unknown

  /// Finds out why this process may not look into another.
  public init(ofProcess pid: Int32) {
    self.init(
      viewer: ProcessStatus("self"), holder: ProcessStatus("\(pid)"),
      ptraceScope: ProcFiles.text("/proc/sys/kernel/yama/ptrace_scope")
        .flatMap { $0.first?.wholeNumberValue } ?? 0)
  }

  init(viewer: ProcessStatus?, holder: ProcessStatus?, ptraceScope: Int) {
    guard let viewer, let holder else {
      self = .unknown
      return
    }
    let isOurs =
      holder.users.allSatisfy { $0 == viewer.users[1] }
      && holder.groups.allSatisfy { $0 == viewer.groups[1] }
    if ptraceScope >= 3 {
      self = .nobody
    } else if viewer.canTraceOthers {
      self = .unknown
    } else if !isOurs {
      let user = holder.users[1]
      self = .otherUser((try? UserDatabase.user(user))?.name ?? "\(user)", ptraceScope: ptraceScope)
    } else if holder.owner != viewer.users[1] {
      self = .hidden
    } else if holder.permitted & ~viewer.permitted != 0 {
      self = .privileged
    } else {
      switch ptraceScope {
      case 1: self = .onlyAncestors
      case 2: self = .onlyRoot
      default: self = .unknown
      }
    }
  }
}

extension RightsDefect: CustomStringConvertible {
  /// The cause, and the remedy that gives away least.
  public var description: String {
    switch self {
    case .otherUser(let name, ptraceScope: 0):
      "it belongs to user \(name): run as that user or as root"
    case .otherUser(let name, _):
      "it belongs to user \(name): run as root"
    case .hidden:
      "it hides its memory from other processes, as one does that has changed its user: run as root"
    case .privileged:
      "it has capabilities that you lack: run as root"
    case .onlyAncestors:
      """
      yama's ptrace_scope is 1: start the guest with `vgpu run`, or allow it by \
      `sudo sysctl kernel.yama.ptrace_scope=0` or \
      `sudo setcap cap_sys_ptrace+ep $(command -v vgpu)`
      """
    case .onlyRoot:
      """
      yama's ptrace_scope is 2: run as root, or allow it by \
      `sudo setcap cap_sys_ptrace+ep $(command -v vgpu)`
      """
    case .nobody:
      """
      yama's ptrace_scope is 3, so no process may until the next boot: start the guest with \
      `vgpu run` and a QEMU that can be handed the vGPU (10.0 can)
      """
    case .unknown:
      """
      another security module (AppArmor, SELinux) or a user namespace forbids it: run as root on \
      the host
      """
    }
  }
}

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
    guard let file = try? Stat(path), let text = ProcFiles.text(path) else { return nil }
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
    owner = file.userID.rawValue
    guard users.count == 3, groups.count == 3 else { return nil }
  }

  /// CAP_SYS_PTRACE: whether it may look into others' processes.
  var canTraceOthers: Bool { effective & 1 << 19 != 0 }
}

/// Why a vGPU seems to be held by nobody, or a process to hold none, where the holder may not be
/// looked into.
enum HiddenHolder {
  /// The process whose descriptors may not be seen and whose command names the vGPU as QEMU's does;
  /// a hint for a message, as anybody can give himself such a command.
  static func process(of uuid: MdevUUID, proc: String = "/proc") -> Int32? {
    hidden(in: proc) { AssignedDevice.named(inQEMUArguments: $0).contains(.mdev(uuid)) }
  }

  /// The same of a domain, whose UUID libvirt gives to QEMU with `-uuid`: libvirt names the process to
  /// nobody but in files of its own.
  static func process(ofDomain uuid: String, proc: String = "/proc") -> Int32? {
    hidden(in: proc) { arguments in
      zip(arguments, arguments.dropFirst()).contains { $0 == "-uuid" && $1 == uuid }
    }
  }

  /// The first process with such a command whose descriptors may not be seen.
  private static func hidden(in proc: String, _ isMeant: ([String]) -> Bool) -> Int32? {
    ProcFiles.processes(in: proc).first { pid in
      guard let arguments = try? ProcFiles.arguments(of: pid, in: proc), isMeant(arguments)
      else { return false }
      // It is to be refused, not ended.
      do throws(SystemCallError) {
        _ = try FileTree.names(in: "\(proc)/\(pid)/fd")
        return false
      } catch {
        return error.errno == .permissionDenied
      }
    }
  }

  /// A better error than "nobody holds it" and "it holds nothing", where there is one.
  ///
  /// Who seems to have a vGPU is a hint for a message and decides nothing else: anybody can give a
  /// process such a command line.
  ///
  /// - Parameters:
  ///   - domain: whose vGPU it is, where libvirt told.
  ///   - opensGroup: whether the vGPU's group is opened for a moment. That is done once and not again
  ///     and again: a guest that starts at that very moment would find it busy.
  static func explain(
    _ error: AttachmentError, host: HostHardware, domain: RunningDomain?, opensGroup: Bool
  ) -> AttachmentError {
    switch error {
    case .notHeld(let uuid):
      if let pid = process(of: uuid) ?? domain.flatMap({ process(ofDomain: $0.uuid) }) {
        return .noRights(pid: pid)
      }
      return opensGroup && host.isBusy(uuid) ? .heldUnseen(uuid) : error
    case .noDevice(let pid) where RightsDefect(ofProcess: pid) == .privileged:
      // The numbers of its descriptors can be seen, but not what they are of.
      return .noRights(pid: pid, .privileged)
    default:
      return error
    }
  }
}
