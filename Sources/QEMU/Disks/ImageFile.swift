// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// An open file that holds a disk.
struct ImageFile: ~Copyable {
  private let file: OwnedFileDescriptor
  private let path: String

  /// The identity of a file, independent of its name.
  struct Identity: Equatable {
    private let device: UInt64
    private let number: UInt64

    /// Reads the identity with stat(2), which follows links; `nil` when there is no file.
    init?(of path: String) {
      guard let status = try? Stat(path) else { return nil }
      // One block device can have several nodes.
      let isBlock = status.type == .blockSpecial
      device = isBlock ? .max : UInt64(status.deviceID.rawValue)
      number = UInt64(isBlock ? status.specialDeviceID.rawValue : status.inode.rawValue)
    }
  }

  /// Opens a file for reading.
  ///
  /// - Throws: `QEMUError.system` when it cannot be opened, `.file` when it is neither a file nor a
  ///   block device.
  init(_ path: String) throws(QEMUError) {
    let file: OwnedFileDescriptor
    do {
      // O_NONBLOCK, because the open must not hang when the path is a pipe or a device.
      file = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
    } catch {
      throw .system(error.advising("name a disk image that you may read"))
    }
    let type = (try? Stat(FileDescriptor(rawValue: file.rawValue)))?.type
    guard type == .blockSpecial || type == .regular else {
      throw .file(path, reason: "is neither a file nor a block device; name a disk image")
    }
    self.file = file
    self.path = path
  }

  /// The file's first bytes.
  ///
  /// - Throws: `QEMUError.system`.
  func beginning(_ count: Int) throws(QEMUError) -> [UInt8] {
    do {
      return try file.readAll(limit: count, of: path)
    } catch {
      throw .system(error)
    }
  }

  /// The QEMU driver that opens a file by its plain name. None of these drivers reads a protocol
  /// out of the name.
  static func driver(for path: String) -> String {
    guard let status = try? Stat(path), status.type == .blockSpecial else { return "file" }
    // 11 is Linux's major number for optical drives. Their discs can change.
    return status.specialDeviceID.rawValue >> 8 == 11 ? "host_cdrom" : "host_device"
  }

  /// Whether the path is a block device.
  static func isBlockDevice(_ path: String) -> Bool {
    (try? Stat(path))?.type == .blockSpecial
  }
}
