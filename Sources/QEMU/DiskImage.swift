// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// A disk image. Its format is told to QEMU, which would otherwise guess, and of a raw image that a
/// guest has written a header into guess what the guest wants.
public struct DiskImage: Hashable, Sendable {
  /// How a disk lies in its file.
  public enum Format: String, Sendable {
    /// Byte for byte.
    case raw
    /// QEMU's own format.
    case qcow2
  }

  /// The file.
  public let path: String
  /// How the disk lies in it.
  public let format: Format

  /// Makes an image of its two parts.
  public init(path: String, format: Format) {
    self.path = path
    self.format = format
  }

  /// Reads the format off the file: qcow2 by its magic number, else raw.
  ///
  /// - Throws: `QEMUError.file` when it cannot be read.
  public init(reading path: String) throws(QEMUError) {
    do {
      let file = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
      let isQcow2 = try file.closeAfter {
        var magic = [UInt8](repeating: 0, count: 4)
        let count = try magic.withUnsafeMutableBytes {
          try file.read(fromAbsoluteOffset: 0, into: $0)
        }
        return count == 4 && magic == [0x51, 0x46, 0x49, 0xFB]
      }
      self.init(path: path, format: isQcow2 ? .qcow2 : .raw)
    } catch {
      let reason = (error as? Errno).map(\.description) ?? "\(error)"
      throw .file(path, reason: "\(reason); name a disk image that you may read")
    }
  }
}
