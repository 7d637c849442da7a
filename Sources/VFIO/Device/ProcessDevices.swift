// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
import SystemPackage

/// A descriptor of a VFIO device, or of a group, in a running process.
public struct ProcessDescriptor: Hashable, Sendable {
  /// What the descriptor is of.
  @nonexhaustive
  public enum Target: Hashable, Sendable {
    /// A device that was opened through its group; of which one it is, the kernel tells from
    /// Linux 6.17 on, of a duplicate.
    case device
    /// A device that was opened by its own node, such as `/dev/vfio/devices/vfio0`.
    case cdev(path: String)
    /// A group, by its number.
    case group(number: Int, device: DeviceNumber)
  }

  /// The descriptor's number in the process.
  public let number: Int32
  /// What it is of.
  public let target: Target

  /// Whether it is of a device.
  public var isDevice: Bool {
    switch target {
    case .device, .cdev: true
    case .group: false
    }
  }
}

/// Finds the VFIO descriptors of processes.
///
/// What a descriptor is of, the kernel tells by the kind of its file and its device number. The text
/// of a link in `/proc/PID/fd` is not believed: in a mount namespace of his own any user makes a file
/// `/dev/vfio/0`.
public enum ProcessDevices {
  /// The VFIO descriptors of one process, by number. They may be others by the time that they are
  /// used: what is duplicated must be asked again.
  ///
  /// - Parameters:
  ///   - process: the process.
  ///   - proc: where procfs is, for tests.
  ///   - sys: where sysfs is, for tests.
  /// - Throws: `VFIOError.system` with ENOENT or ESRCH when it has ended, with EACCES when its
  ///   descriptors may not be seen.
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
      // Whoever names his file otherwise hides it, and no more. So only what may be meant is looked
      // at closely, and no file of a server that does not answer (NFS).
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
      // The driver's own name of it, in the two spellings of its history. A path begins with a slash.
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
