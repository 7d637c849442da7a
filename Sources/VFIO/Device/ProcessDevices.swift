// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
import SystemPackage

/// A descriptor of a VFIO device, or of a group, in a running process.
public struct ProcessDescriptor: Hashable, Sendable {
  /// What the descriptor is of.
  @nonexhaustive
  public enum Target: Hashable, Sendable {
    /// A device that was opened through its group. The kernel tells which device it is from Linux
    /// 6.17 on, and only for a duplicate of the descriptor.
    case device
    /// A device that was opened by its own node, such as `/dev/vfio/devices/vfio0`.
    case cdev(path: String)
    /// A group, by its number.
    case group(number: Int, device: DeviceNumber)
  }

  /// The descriptor's number in the process.
  public let number: Int32
  /// The kind of object that it belongs to.
  public let target: Target

  /// Whether it belongs to a device.
  public var isDevice: Bool {
    switch target {
    case .device, .cdev: true
    case .group: false
    }
  }
}

/// Finds the VFIO descriptors of processes.
///
/// The kernel identifies a descriptor by the kind of its file and its device number. The text of a
/// link in `/proc/PID/fd` is not believed: any user can make a file `/dev/vfio/0` in a mount
/// namespace of his own.
public enum ProcessDevices {
  /// The VFIO descriptors of one process, by number. By the time that a number is used, the process
  /// may have another file there: check a descriptor again after duplicating it.
  ///
  /// - Parameters:
  ///   - process: the process.
  ///   - proc: where procfs is, for tests.
  ///   - sys: where sysfs is, for tests.
  /// - Throws: `VFIOError.system` with ENOENT or ESRCH when the process has ended, with EACCES when
  ///   this user may not see its descriptors.
  public static func descriptors(
    of process: RunningProcess, proc: String = "/proc", sys: String = "/sys"
  ) throws(VFIOError) -> [ProcessDescriptor] {
    let found = try process.reading { (pid) throws(VFIOError) in
      try descriptors(in: "\(proc)/\(pid)", sys: sys)
    }
    guard let found else {
      throw .system(
        SystemCallError(
          call: "pidfd_open", object: "process \(process.pid)", errno: .noSuchProcess,
          remedy: "the process has ended"))
    }
    return found
  }

  private static func descriptors(
    in folder: String, sys: String
  ) throws(VFIOError) -> [ProcessDescriptor] {
    let names: [String]
    do {
      names = try FileTree.names(in: "\(folder)/fd")
    } catch {
      throw .system(
        error.advising(
          error.errno == .noSuchFileOrDirectory
            ? "no such process"
            : "seeing another user's descriptors needs root or CAP_SYS_PTRACE"))
    }
    return names.compactMap { name -> ProcessDescriptor? in
      // A process that gives its file another name only hides that file. So only files with a
      // fitting name are looked at closely, and no file of a server that does not answer (NFS) is
      // touched.
      guard let number = Int32(name), let link = FileTree.linkTarget(of: "\(folder)/fd/\(name)"),
        link.contains("vfio"),
        let status = FileTree.status(ofDescriptor: name, in: folder),
        let target = target(status, link, sys: sys)
      else { return nil }
      return ProcessDescriptor(number: number, target: target)
    }
    .sorted { $0.number < $1.number }
  }

  private static func target(
    _ status: FileStatus, _ link: String, sys: String
  ) -> ProcessDescriptor.Target? {
    switch status {
    case .other: return nil
    case .anonymous:
      // The driver's own name of a device's file, in its older and its newer spelling. A path
      // begins with a slash.
      return link == "anon_inode:[vfio-device]" || link == "anon_inode:vfio-device" ? .device : nil
    case .characterDevice(let number):
      // .../vfio-dev/vfio0, or .../vfio/12
      let parts = FileTree.realPath(of: "\(sys)/dev/char/\(number)")?.split(separator: "/") ?? []
      guard let name = parts.last, let kind = parts.dropLast().last else { return nil }
      switch kind {
      case "vfio-dev": return .cdev(path: "/dev/vfio/devices/\(name)")
      case "vfio": return Int(name).map { .group(number: $0, device: number) }
      default: return nil
      }
    }
  }
}
