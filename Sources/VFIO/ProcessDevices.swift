// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import SystemPackage

/// A descriptor of a VFIO device, or of a group, in a running process, found in `/proc`.
public struct ProcessDescriptor: Hashable, Sendable {
  /// What the descriptor is of.
  public enum Target: Hashable, Sendable {
    /// A device that was opened through its group; its name is not to be had from the kernel
    /// before Linux 6.17.
    case device
    /// A device that was opened by its own node, such as `/dev/vfio/devices/vfio0`.
    case cdev(path: String)
    /// A group, by its number.
    case group(number: Int)
  }

  /// The process.
  public let pid: Int32
  /// The descriptor's number in that process.
  public let number: Int32
  /// What it is of.
  public let target: Target
}

/// Finds the VFIO descriptors of processes.
public enum ProcessDevices {
  /// The VFIO descriptors of one process, by number.
  ///
  /// - Throws: `VFIOError.system` with ENOENT when there is no such process, with EACCES when its
  ///   descriptors may not be seen.
  public static func descriptors(
    ofProcess pid: Int32, proc: String = "/proc"
  ) throws(VFIOError) -> [ProcessDescriptor] {
    let directory = "\(proc)/\(pid)/fd"
    let names: [String]
    do {
      names = try FileTree.names(in: directory)
    } catch {
      throw .system(
        error.advising(
          error.errno == .noSuchFileOrDirectory
            ? "no such process"
            : "seeing another user's descriptors needs root or CAP_SYS_PTRACE"))
    }
    return names.compactMap { name -> ProcessDescriptor? in
      guard let number = Int32(name), let link = FileTree.linkTarget(of: "\(directory)/\(name)"),
        let target = target(link)
      else { return nil }
      return ProcessDescriptor(pid: pid, number: number, target: target)
    }
    .sorted { $0.number < $1.number }
  }

  /// The VFIO descriptors of every process that this one may look into. Processes that end
  /// meanwhile and those of other users are passed over.
  ///
  /// - Throws: `VFIOError.system` when `/proc` cannot be read.
  public static func all(proc: String = "/proc") throws(VFIOError) -> [ProcessDescriptor] {
    let names: [String]
    do {
      names = try FileTree.names(in: proc)
    } catch {
      throw .system(error)
    }
    var found: [ProcessDescriptor] = []
    for pid in names.compactMap({ Int32($0) }).sorted() {
      if let descriptors = try? descriptors(ofProcess: pid, proc: proc) { found += descriptors }
    }
    return found
  }

  static func target(_ link: String) -> ProcessDescriptor.Target? {
    // The kernel's name for devices opened through a group, in the two spellings of its history.
    if link == "anon_inode:[vfio-device]" || link == "anon_inode:vfio-device" { return .device }
    if link.hasPrefix("/dev/vfio/devices/") { return .cdev(path: link) }
    if link.hasPrefix("/dev/vfio/"), let number = Int(link.dropFirst("/dev/vfio/".count)) {
      return .group(number: number)
    }
    return nil
  }
}
