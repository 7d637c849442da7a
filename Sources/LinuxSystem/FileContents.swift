// SPDX-License-Identifier: Apache-2.0

import CLinux
import SystemPackage

extension OwnedFileDescriptor {
  /// open(2) for reading, of a plain file and of nothing else: to open a device, which somebody else
  /// may have named, can do something.
  ///
  /// - Throws: `SystemCallError` on `path`; EINVAL for what is no plain file.
  public static func openPlainFile(
    _ path: String
  ) throws(SystemCallError) -> OwnedFileDescriptor {
    do throws(SystemCallError) {
      let fd = try SystemCall.make("open", on: path) { vgpu_open_plain_file(path) }
      return OwnedFileDescriptor(owning: Int32(fd))
    } catch {
      throw error.advising(error.errno == .invalidArgument ? "it is no plain file" : nil)
    }
  }

  /// pread(2) from the start to the end of the file, or to `limit` bytes.
  ///
  /// - Parameters:
  ///   - limit: bytes; what lies beyond is not read.
  ///   - object: what the descriptor is of, for the error.
  /// - Throws: `SystemCallError` on `object`.
  public func readAll(limit: Int, of object: String) throws(SystemCallError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count < limit {
      let count = try SystemCall.make("pread", on: object) {
        chunk.withUnsafeMutableBytes { kernel.pread(rawValue, $0, offset: UInt64(bytes.count)) }
      }
      if count == 0 { break }
      bytes += chunk[..<min(count, limit - bytes.count)]
    }
    return bytes
  }
}
