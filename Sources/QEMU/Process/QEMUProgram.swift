// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// An installed qemu-system-x86_64, and what it can do, which is asked of it and not guessed from
/// its version.
public struct QEMUProgram: Hashable, Sendable {
  /// The program's file.
  public let path: String
  /// The first line of `-version`, such as `QEMU emulator version 7.2.22 (Debian …)`.
  public let version: String
  /// It can be handed an open device and an open iommufd: `vfio-pci` has the properties `fd` and
  /// `iommufd`, and there is an object `iommufd` (QEMU 10.0 has them, 7.2 does not).
  public let takesDescriptors: Bool

  /// Makes a program of known abilities.
  public init(path: String, version: String, takesDescriptors: Bool) {
    self.path = path
    self.version = version
    self.takesDescriptors = takesDescriptors
  }

  /// Runs a program's `-version`, `-device vfio-pci,help` and `-object help`.
  ///
  /// - Parameter name: a path, or a name to be looked for in `PATH`.
  /// - Throws: `QEMUError` when there is no such program, or it does not answer as QEMU does.
  public static func probe(_ name: String = "qemu-system-x86_64") throws(QEMUError) -> QEMUProgram {
    guard let path = find(name) else { throw .notInstalled(name) }
    let version = try answer(path, ["-version"])
    let device = try answer(path, ["-device", "vfio-pci,help"])
    let objects = try answer(path, ["-object", "help"])
    guard device.contains("sysfsdev=") else { throw .lacks(path, feature: "the device vfio-pci") }
    let takesDescriptors =
      device.contains("  fd=") && device.contains("  iommufd=") && objects.contains("  iommufd")
    return QEMUProgram(
      path: path, version: version.split(separator: "\n").first.map(String.init) ?? "",
      takesDescriptors: takesDescriptors)
  }

  /// The full name of a machine, such as `pc-q35-7.2` for `q35`: what `-machine help` calls it.
  ///
  /// - Throws: `QEMUError` when the program cannot be asked, or has no such machine.
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

  private static func find(_ name: String) -> String? {
    if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
    let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return folders.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// What a program prints; QEMU's help ends with exit code 0 or 1, by version.
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

/// Whether this user can run guests by KVM.
public enum Accelerator {
  /// Makes and drops an empty virtual machine (KVM_CREATE_VM): a `/dev/kvm` that can be opened may
  /// still be of no use.
  ///
  /// - Returns: `nil` when KVM works, else why not.
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
