// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import HostDevices
public import LinuxSystem
public import QEMU
public import QMP

/// Why a guest was not started, or not ended. Each case's description names the object, the cause
/// and the remedy.
@nonexhaustive
public enum GuestError: Error, Sendable {
  /// The plan contains something that no guest can have, or parts that do not go together.
  case unsuitable(String, reason: String)
  /// A file or folder of the guest's cannot be used.
  case file(String, reason: String)
  /// A process has the vGPU already.
  case vGPUInUse(MdevUUID, process: Int32)
  /// Another guest serves QMP at this path.
  case socketInUse(String)
  /// QEMU's program, a disk, a firmware, or a device of the host's is missing or unsuitable.
  case qemu(QEMUError)
  /// The vGPU cannot be made, found or removed.
  case host(HostDevicesError)
  /// A SCSI device's node does not lead to one.
  case scsi(SCSIDeviceDefect)
  /// QEMU does not carry out a command that it got over QMP.
  case qmp(QMPError)
  /// The agent in the guest does not do what it is asked for.
  case agent(String)
  /// The kernel refused a system call.
  case system(SystemCallError)
  /// QEMU ended; `lastWords` are the last lines that it wrote into its log.
  case ended(GuestProcess.End, lastWords: String, log: String)
  /// QEMU did not do something in time, and was killed; `missing` says what.
  case timeout(pid: Int32, missing: String, log: String)
  /// The task that started or ended the guest was cancelled.
  case cancelled
}

extension GuestError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .unsuitable: .argument
    case .vGPUInUse, .socketInUse: .busy
    case .qemu(let error): error.errorClass
    case .host(let error): error.errorClass
    case .scsi(let defect): defect.errorClass
    case .qmp(let error): error.errorClass
    case .system(let error): error.errorClass
    case .file, .agent, .ended, .timeout, .cancelled: .other
    }
  }
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
    case .agent(let reason): "the guest's agent: \(reason)"
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
      "cancelled before the guest had started or ended; try again"
    }
  }
}

/// Something that a user should know about a guest that is started or described, and that is no
/// error.
@nonexhaustive
public enum GuestNotice: Sendable {
  /// The guest is emulated, because KVM cannot be used.
  case emulated(SystemCallError)
  /// The user may lock less memory (RLIMIT_MEMLOCK) than the guest has.
  case lockedMemory(limitMebibytes: Int)
  /// The installed UEFI shows nothing on Intel's graphics without a ROM.
  case firmwareNeedsROM
  /// The guest's processors run on any of the host's processors.
  case notPinned(String)
  /// This QEMU has no D-Bus display, so its own screens, such as the boot screen, are read over QMP.
  case noDisplay(program: String)
  /// A disk was made that can grow beyond the free space of its file system.
  case diskCanOutgrow(NewDisk)
  /// The guest has a folder of the host's, and mounts it by a command.
  case folderShared(FolderShare)
  /// This QEMU cannot hand the guest's sound to a window, so the guest gets no audio device.
  case noSound(program: String)
  /// The host's GPU cannot draw for the guest on this render node, so the guest's processors draw.
  case noOpenGL(node: String, reason: String)
  /// A vGPU was made for the guest.
  case vGPUMade(MdevDevice)
  /// The guest is only described, and this host lacks something: the description assumes a host
  /// that has it.
  case supposed(String, reason: String)
}

extension GuestNotice: CustomStringConvertible {
  /// The fact, and what to do.
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
    case .noDisplay(let program):
      """
      \(program): this QEMU was built without \(QEMUProgram.displayFeature), or the module is not \
      installed; the boot screen and input go over QMP (`vgpu doctor --for virtio` names the package)
      """
    case .diskCanOutgrow(let disk):
      """
      \(disk.path): the disk can grow to \(disk.size), and its file system has \
      \((disk.freeBytes ?? 0) >> 20) MiB free
      """
    case .folderShared(let share):
      """
      \(share.path): mount it in the guest, \(share.isReadOnly ? "read-only, " : "")with: \
      \(share.mountCommand)
      """
    case .noSound(let program):
      """
      \(program): the guest gets no sound, because this QEMU lacks \(QEMUProgram.soundFeature)
      """
    case .noOpenGL(let node, let reason):
      """
      \(node): \(reason); so the guest gets a virtio GPU without OpenGL (`vgpu doctor --for virtio` tells more)
      """
    case .vGPUMade(let vGPU):
      "made the vGPU \(vGPU.uuid) of the type \(vGPU.type)"
    case .supposed(let what, let reason):
      "\(what): \(reason)"
    }
  }
}
