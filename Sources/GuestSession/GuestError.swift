// SPDX-License-Identifier: Apache-2.0

public import HostDevices
public import LinuxSystem
public import QEMU
public import QMP

/// Why a guest was not started, or not ended. Each case's description names the object, the cause
/// and the remedy.
public enum GuestError: Error, Sendable {
  /// The plan asks for what no guest can have, or what does not go together.
  case unsuitable(String, reason: String)
  /// A file or folder of the guest's cannot be used.
  case file(String, reason: String)
  /// A process has the vGPU already.
  case vGPUInUse(MdevUUID, process: Int32)
  /// Another guest serves QMP at this path.
  case socketInUse(String)
  /// QEMU's program, a disk, a firmware, or a device of the host's is missing or not as it must be.
  case qemu(QEMUError)
  /// The vGPU cannot be made, found or removed.
  case host(HostDevicesError)
  /// A SCSI device's node does not lead to one.
  case scsi(SCSIDeviceDefect)
  /// QEMU does not do what it was told over QMP.
  case qmp(QMPError)
  /// The kernel refused a system call.
  case system(SystemCallError)
  /// QEMU ended; `lastWords` are the last lines that it wrote into its log.
  case ended(GuestProcess.End, lastWords: String, log: String)
  /// QEMU did not do this in time, and was killed.
  case timeout(pid: Int32, missing: String, log: String)
  /// The task that started or ended the guest was cancelled.
  case cancelled
}

extension GuestError: CustomStringConvertible {
  /// Object, cause, remedy.
  public var description: String {
    switch self {
    case .unsuitable(let object, let reason), .file(let object, let reason):
      "\(object): \(reason)"
    case .vGPUInUse(let uuid, let process):
      "\(uuid): process \(process) uses the vGPU; look at it with `vgpu view \(uuid)`"
    case .socketInUse(let path):
      "\(path): another guest answers there; end it first"
    case .qemu(let error): "\(error)"
    case .host(let error): "\(error)"
    case .scsi(let defect): "\(defect)"
    case .qmp(let error): "\(error)"
    case .system(let error): "\(error)"
    case .ended(.exited(0), let lastWords, _), .ended(.unknown, let lastWords, _):
      "QEMU ended at once: \(lastWords)"
    case .ended(.exited(let code), let lastWords, _):
      "QEMU ended with code \(code): \(lastWords)"
    case .ended(.killed(let signal), _, let log):
      "QEMU was ended by signal \(signal); see its log: \(log)"
    case .timeout(let pid, let missing, let log):
      "pid:\(pid): QEMU \(missing), and was killed; see its log: \(log)"
    case .cancelled:
      "cancelled before the guest was there or gone; try again"
    }
  }
}

/// What a user should know of a guest that is started or described, and that is no error.
public enum GuestNotice: Sendable {
  /// The guest is emulated, because KVM cannot be used.
  case emulated(SystemCallError)
  /// The user may lock less memory (RLIMIT_MEMLOCK) than the guest has.
  case lockedMemory(limitMebibytes: Int)
  /// The installed UEFI shows nothing on Intel's graphics without a ROM.
  case firmwareNeedsROM
  /// The guest's processors run where the host likes.
  case notPinned(String)
  /// A vGPU was made for the guest.
  case vGPUMade(MdevDevice)
  /// The guest is only described, and this was supposed of a host that has what this one lacks.
  case supposed(String, reason: String)
}

extension GuestNotice: CustomStringConvertible {
  /// What it is, and what to do.
  public var description: String {
    switch self {
    case .emulated(let defect):
      "the guest is emulated, which is slow, because KVM cannot be used: \(defect)"
    case .lockedMemory(let limit):
      """
      you may lock \(limit) MiB of memory, and the guest's GPU can need as much as the guest has; \
      if the guest fails, raise `memlock` in /etc/security/limits.conf
      """
    case .firmwareNeedsROM:
      """
      this UEFI does not start Intel's graphics by itself; give the guest a ROM that does (such as \
      VfioIgdPkg's), or BIOS as its firmware
      """
    case .notPinned(let reason):
      "the guest's processors are not pinned: \(reason)"
    case .vGPUMade(let vGPU):
      "made the vGPU \(vGPU.uuid) of the type \(vGPU.type)"
    case .supposed(let what, let reason):
      "\(what): \(reason)"
    }
  }
}
