// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A file that holds a disk, as the kernel knows it.
struct ImageFile: ~Copyable {
  private let file: OwnedFileDescriptor
  private let path: String

  /// Which file it is, whatever its name.
  struct Identity: Equatable {
    private let device: UInt64
    private let number: UInt64

    /// stat(2), at the end of all links; `nil` when nothing is there.
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
  /// - Throws: `QEMUError.file` when it cannot be read, or is neither a file nor a block device.
  init(_ path: String) throws(QEMUError) {
    let file: OwnedFileDescriptor
    do {
      // O_NONBLOCK: whatever lies there must not hang.
      file = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
    } catch {
      throw .file(path, reason: "\(error.errno); name a disk image that you may read")
    }
    let type = (try? Stat(FileDescriptor(rawValue: file.rawValue)))?.type
    guard type == .blockSpecial || type == .regular else {
      throw .file(path, reason: "is neither a file nor a block device; name a disk image")
    }
    self.file = file
    self.path = path
  }

  /// Its first bytes.
  ///
  /// - Throws: `QEMUError.file`.
  func beginning(_ count: Int) throws(QEMUError) -> [UInt8] {
    do {
      return try file.readAll(limit: count, of: path)
    } catch {
      throw .file(path, reason: "cannot be read: \(error.errno)")
    }
  }

  /// Which of QEMU's drivers opens a file by its plain name: none of them takes a part of that for a
  /// protocol.
  static func driver(for path: String) -> String {
    guard let status = try? Stat(path), status.type == .blockSpecial else { return "file" }
    // Linux's number for optical drives, whose discs come and go.
    return status.specialDeviceID.rawValue >> 8 == 11 ? "host_cdrom" : "host_device"
  }

  /// Whether it is a block device.
  static func isBlockDevice(_ path: String) -> Bool {
    (try? Stat(path))?.type == .blockSpecial
  }
}
