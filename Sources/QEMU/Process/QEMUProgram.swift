// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// An installed qemu-system-x86_64 and its abilities. The program itself is asked for them; they
/// are not guessed from its version.
public struct QEMUProgram: Hashable, Sendable {
  /// The program's file.
  public let path: String
  /// The first line of `-version`, such as `QEMU emulator version 7.2.22 (Debian …)`.
  public let version: String
  /// Whether QEMU can take an open device and an open iommufd: `vfio-pci` has the properties `fd`
  /// and `iommufd`, and there is an object `iommufd` (QEMU 10.0 has them, 7.2 does not).
  public let takesDescriptors: Bool
  /// Whether QEMU can show its screens to a program of the host: `-display help` names `dbus`,
  /// which is often a module with a package of its own.
  public let hasDBusDisplay: Bool
  /// Whether QEMU can hand the guest's sound to a program of the host: `-audiodev help` names `dbus`,
  /// which is a module too. QEMU 7.2 has it and dies when a direct client listens, which nothing but the
  /// version tells; 10.0 works.
  public let hasDBusSound: Bool
  /// The virtio GPUs that QEMU has.
  public let virtioGPUs: Set<VirtioGPU>

  /// A virtio GPU that can be a guest's first screen. Modules can be missing, and libraries of
  /// modules too, so each one is asked for with `-device NAME,help`.
  @nonexhaustive
  public enum VirtioGPU: String, CaseIterable, Sendable {
    /// Without drawing functions of its own: the guest's processors draw.
    case plain = "virtio-vga"
    /// With OpenGL: the host's GPU draws for the guest (virglrenderer).
    case gl = "virtio-vga-gl"
  }

  /// Makes a program with known abilities.
  public init(
    path: String, version: String, takesDescriptors: Bool, hasDBusDisplay: Bool = false,
    hasDBusSound: Bool = false, virtioGPUs: Set<VirtioGPU> = []
  ) {
    self.path = path
    self.version = version
    self.takesDescriptors = takesDescriptors
    self.hasDBusDisplay = hasDBusDisplay
    self.hasDBusSound = hasDBusSound
    self.virtioGPUs = virtioGPUs
  }

  /// Asks a program for its abilities, with `-version`, `-object help`, `-display help`, `-audiodev help`, and
  /// `-device NAME,help` for `vfio-pci` and the virtio GPUs.
  ///
  /// - Parameter name: a path, or a name to search in `PATH`.
  /// - Throws: `QEMUError` when there is no such program, or it is not QEMU.
  public static func probe(_ name: String = "qemu-system-x86_64") throws(QEMUError) -> QEMUProgram {
    guard let path = ProgramPath.find(name) else { throw .notInstalled(name) }
    let version = try answer(path, ["-version"])
    let device = try answer(path, ["-device", "vfio-pci,help"])
    let objects = try answer(path, ["-object", "help"])
    guard device.contains("sysfsdev=") else { throw .lacks(path, feature: "the device vfio-pci") }
    let takesDescriptors =
      device.contains("  fd=") && device.contains("  iommufd=") && objects.contains("  iommufd")
    // Beside the names there can be complaints about modules that cannot be loaded.
    let displays = try answer(path, ["-display", "help"]).split(separator: "\n")
    let sounds = try answer(path, ["-audiodev", "help"]).split(separator: "\n")
    var virtioGPUs: Set<VirtioGPU> = []
    for gpu in VirtioGPU.allCases
    where try answer(path, ["-device", "\(gpu.rawValue),help"]).contains("  max_outputs=") {
      virtioGPUs.insert(gpu)
    }
    return QEMUProgram(
      path: path, version: version.split(separator: "\n").first.map(String.init) ?? "",
      takesDescriptors: takesDescriptors, hasDBusDisplay: displays.contains("dbus"),
      hasDBusSound: sounds.contains("dbus") && survivesListeners(version), virtioGPUs: virtioGPUs)
  }

  /// Whether this version hands its sound to direct clients and lives on.
  static func survivesListeners(_ version: String) -> Bool {
    guard let match = version.firstMatch(of: /version ([0-9]{1,4})\./),
      let major = Int(match.1)
    else { return false }
    return major >= 9
  }

  /// The full name of a machine in `-machine help`, such as `pc-q35-7.2` for `q35`.
  ///
  /// - Throws: `QEMUError` when the program does not answer, or has no such machine.
  public func fullName(of machine: GuestConfiguration.Machine) throws(QEMUError) -> String {
    for line in try Self.answer(path, ["-machine", "help"]).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.first == machine.rawValue[...], let alias = words.firstIndex(of: "(alias"),
        words.count > alias + 2, words[alias + 1] == "of"
      else { continue }
      return words[alias + 2].filter { $0 != ")" }
    }
    throw .lacks(path, feature: "the machine \(machine.rawValue)")
  }

  /// Whether the program has a device (`-device NAME,help`).
  ///
  /// - Throws: `QEMUError` when the program does not answer.
  public func hasDevice(_ name: String) throws(QEMUError) -> Bool {
    try Self.answer(path, ["-device", "\(name),help"]).contains("\(name) options:")
  }

  /// The output of a program. Exit codes 0 and 1 are accepted, because QEMU's help ends with one of
  /// them, depending on the version.
  private static func answer(_ path: String, _ arguments: [String]) throws(QEMUError) -> String {
    do {
      let ends = try FileDescriptor.pipe()
      let child: GuestProcess
      do {
        child = try GuestProcess(
          path, arguments, output: ends.writeEnd.rawValue, descriptors: [])
      } catch {
        try? ends.readEnd.close()
        try? ends.writeEnd.close()
        throw error
      }
      try ends.writeEnd.close()
      var bytes: [UInt8] = []
      try ends.readEnd.closeAfter {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < 1 << 22 {
          let count = try buffer.withUnsafeMutableBytes { try ends.readEnd.read(into: $0) }
          if count == 0 { break }
          bytes += buffer[..<count]
        }
      }
      _ = child.waitForEnd()
      return String(decoding: bytes, as: UTF8.self)
    } catch let error as QEMUError {
      throw error
    } catch {
      throw .system(
        SystemCallError(
          call: "read", object: path, errno: (error as? Errno) ?? .ioError))
    }
  }
}

/// A check whether this user can run guests with KVM.
public enum Accelerator {
  /// Makes and drops an empty virtual machine (KVM_CREATE_VM), because KVM can fail even when
  /// `/dev/kvm` opens.
  ///
  /// - Returns: `nil` when KVM works, otherwise the error.
  public static func kvmDefect(kernel: any Kernel = RunningKernel()) -> SystemCallError? {
    do {
      let kvm = try OwnedFileDescriptor.open("/dev/kvm", flags: O_RDWR, kernel: kernel)
      let machine = try SystemCall.make("KVM_CREATE_VM", on: "/dev/kvm") {
        kvm.ioctl(vgpu_KVM_CREATE_VM, nil)
      }
      _ = OwnedFileDescriptor(owning: Int32(machine), kernel: kernel)
      return nil
    } catch {
      return error
    }
  }
}
