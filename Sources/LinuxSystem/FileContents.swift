// SPDX-License-Identifier: Apache-2.0

extension OwnedFileDescriptor {
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
