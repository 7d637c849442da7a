// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The kind of an open file, as the kernel knows it (statx(2)). A path or the text of a link proves
/// nothing, because a user who makes mounts chooses both.
public enum FileStatus: Hashable, Sendable {
  /// A file without a name that a kernel driver made: a VFIO device out of a group, an eventfd, a
  /// dma-buf. No file system has files of this kind.
  case anonymous
  /// A character device, by its number.
  case characterDevice(DeviceNumber)
  /// A file, a folder, a socket, a pipe.
  case other

  init(_ status: vgpu_file_status) {
    switch status.mode & UInt32(S_IFMT) {
    case 0: self = .anonymous
    case UInt32(S_IFCHR):
      self = .characterDevice(
        DeviceNumber(major: status.device_major, minor: status.device_minor))
    default: self = .other
    }
  }
}

/// A device's number, by which a driver knows its node whatever the node is called.
public struct DeviceNumber: Hashable, Sendable {
  /// The driver's number.
  public let major: UInt32
  /// The device's number within the driver.
  public let minor: UInt32

  /// Makes a number from its parts.
  public init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }
}

extension DeviceNumber: LosslessStringConvertible {
  /// The text that sysfs writes into files `dev` and into the names of `/sys/dev/char`: `10:196`.
  public var description: String { "\(major):\(minor)" }

  /// Reads what `description` writes; `nil` for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else {
      return nil
    }
    self.init(major: major, minor: minor)
  }
}

extension OwnedFileDescriptor {
  /// The kind of file that the descriptor belongs to.
  ///
  /// - Parameter object: the file's name in errors.
  /// - Throws: `SystemCallError` on `object`.
  public func status(of object: String) throws(SystemCallError) -> FileStatus {
    var status = FileStatus.other
    try SystemCall.make("statx", on: object) { kernel.status(rawValue, &status) }
    return status
  }
}

extension FileTree {
  /// The kind of file that a process's descriptor can be used on. `/proc/PID/fd/N` leads to the
  /// file itself, whatever the link's text says.
  ///
  /// A descriptor that only marks a place (O_PATH) counts as `other`. No driver has opened its
  /// file, so that any user can have such a descriptor of a node on a file system of his own.
  ///
  /// - Parameters:
  ///   - number: the descriptor's number, a name in `fd`.
  ///   - folder: the process's folder, such as `/proc/4711`.
  /// - Returns: `nil` when the process has no such descriptor, or when this user may not look at
  ///   it.
  public static func status(ofDescriptor number: String, in folder: String) -> FileStatus? {
    var status = vgpu_file_status()
    let path = "\(folder)/fd/\(number)"
    guard vgpu_file_status(AT_FDCWD, path, &status) == 0 else { return nil }
    let found = FileStatus(status)
    guard case .characterDevice = found else { return found }
    return isOpened("\(folder)/fdinfo/\(number)", status) ? found : .other
  }

  /// Lines `flags`, `mnt_id` and `ino` of proc_pid_fdinfo(5): whether a driver has opened the very
  /// file that statx(2) looked at. Between the two looks the process can put another file in its
  /// place, so both looks must find the same file. Before Linux 5.14 there is no `ino`, and the
  /// looks cannot be compared.
  private static func isOpened(_ path: String, _ status: vgpu_file_status) -> Bool {
    guard let file = try? OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK),
      let bytes = try? file.readAll(limit: 1 << 16, of: path)
    else { return false }
    var isOpened = false
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let text = String(validating: line, as: UTF8.self),
        let colon = text.firstIndex(of: ":")
      else { continue }
      let value = text[text.index(after: colon)...].drop { $0 == "\t" || $0 == " " }
      switch text[..<colon] {
      case "flags":
        guard let flags = Int64(value, radix: 8) else { return false }
        isOpened = flags & Int64(vgpu_O_PATH) == 0
      case "mnt_id":
        guard status.mount == 0 || UInt64(value) == status.mount else { return false }
      case "ino":
        guard UInt64(value) == status.inode else { return false }
        // The lines that follow are the driver's own and say nothing about these three.
        return isOpened
      default: break
      }
    }
    return isOpened
  }
}
