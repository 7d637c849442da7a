// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Which right to look into a process is missing: what the kernel's check of ptrace access
/// (ptrace(2), "Ptrace access mode checking") stumbles over first.
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
      ptraceScope: ProcessStatus.text("/proc/sys/kernel/yama/ptrace_scope")
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
