// SPDX-License-Identifier: Apache-2.0

import CLinux
import HostDevices
import LinuxSystem
import QEMUArguments
import SystemPackage

/// The right that is missing to look into a process: the first obstacle in the kernel's check of
/// ptrace access (ptrace(2), "Ptrace access mode checking").
@nonexhaustive
public enum RightsDefect: Hashable, Sendable {
  /// It runs as another user.
  case otherUser(String, ptraceScope: Int)
  /// It hides its memory (prctl(2), PR_SET_DUMPABLE), like every program that got rights from its
  /// file or changed its user.
  case hidden
  /// It has capabilities that this process lacks.
  case privileged
  /// Yama's `ptrace_scope` is 1: only a process's own ancestors may look into it.
  case onlyAncestors
  /// Yama's `ptrace_scope` is 2: only root may.
  case onlyRoot
  /// Yama's `ptrace_scope` is 3: nobody may.
  case nobody
  /// None of these: another security module, or a user namespace.
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
  /// The cause, and the remedy that gives away the fewest rights.
  public var description: String {
    switch self {
    case .otherUser(let name, ptraceScope: 0):
      """
      it belongs to user \(name): run as that user or as root, or let root show you the guest \
      (`vgpu bridge`)
      """
    case .otherUser(let name, _):
      "it belongs to user \(name): run as root, or let root show you the guest (`vgpu bridge`)"
    case .hidden:
      """
      it hides its memory from other processes; programs do so when they change their user: run as \
      root
      """
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

/// What every user may read about a process: `/proc/PID/status`, its command, the owner of its
/// folder.
struct ProcessStatus {
  /// Real, effective and saved user, because the kernel compares these.
  let users: [UInt32]
  /// Real, effective and saved group.
  let groups: [UInt32]
  /// The capabilities that it may use, one bit each.
  let permitted: UInt64
  /// The capabilities that it uses now, one bit each.
  let effective: UInt64
  /// The owner of the files in `/proc/PID`: the process's user, or root when the process hides its
  /// memory (not dumpable).
  let owner: UInt32

  /// - Returns: `nil` when there is no such process.
  init?(_ pid: String, proc: String = "/proc") {
    // The folder itself always belongs to the process's user, so the file is asked.
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

  /// CAP_SYS_PTRACE: whether it may look into other users' processes.
  var canTraceOthers: Bool { effective & 1 << 19 != 0 }
}

/// Explains why nobody seems to hold a vGPU, or why a process seems to hold none, when the holder
/// may not be looked into.
enum HiddenHolder {
  /// The process whose descriptors may not be seen and whose command line names the vGPU as QEMU's
  /// does. It is only a hint for a message, because any user can start a process with such a
  /// command line.
  static func process(of name: AssignedDevice, proc: String = "/proc") -> Int32? {
    hidden(in: proc) { AssignedDevice.named(inQEMUArguments: $0).contains(name) }
  }

  /// The same for a domain: libvirt gives the domain's UUID to QEMU with `-uuid`. libvirt itself
  /// names the process only in private files.
  static func process(ofDomain uuid: String, proc: String = "/proc") -> Int32? {
    hidden(in: proc) { arguments in
      zip(arguments, arguments.dropFirst()).contains { $0 == "-uuid" && $1 == uuid }
    }
  }

  /// The first process that has such a command line and whose descriptors may not be seen.
  private static func hidden(in proc: String, _ isMeant: ([String]) -> Bool) -> Int32? {
    ProcFiles.processes(in: proc).first { pid in
      guard let arguments = try? ProcFiles.arguments(of: pid, in: proc), isMeant(arguments)
      else { return false }
      // The error must be a refusal, not the end of the process.
      do throws(SystemCallError) {
        _ = try FileTree.names(in: "\(proc)/\(pid)/fd")
        return false
      } catch {
        return error.errno == .permissionDenied
      }
    }
  }

  /// A better error than "nobody holds it" and "it holds nothing", when there is one.
  ///
  /// The process that seems to have a vGPU is only a hint for a message and decides nothing else:
  /// any user can give a process such a command line.
  ///
  /// - Parameters:
  ///   - domain: the domain that has the vGPU, when libvirt told.
  ///   - opensGroup: whether to open the vGPU's group for a moment. Do that once, not repeatedly: a
  ///     guest that starts at that moment would find the group busy.
  static func explain(
    _ error: AttachmentError, host: HostHardware, domain: RunningDomain?, opensGroup: Bool
  ) -> AttachmentError {
    if let name = error.unheldDevice {
      // Rights would show nothing more.
      let known = FunctionDefect.error(knownOf: name, on: host)
      if let pid = process(of: name) ?? domain.flatMap({ process(ofDomain: $0.uuid) }) {
        return known ?? .noRights(pid: pid)
      }
      return opensGroup && host.isBusy(name) ? known ?? .hidden(name) : error
    }
    switch error {
    case .noDevice(let pid) where RightsDefect(ofProcess: pid) == .privileged:
      // The numbers of the process's descriptors can be seen, but not their files.
      return .noRights(pid: pid, .privileged)
    default:
      return error
    }
  }
}
