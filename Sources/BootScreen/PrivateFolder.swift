// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A folder in memory that only this user can look into, with one file in it; gone with this
/// object.
final class PrivateFolder: Sendable {
  private let path: String
  /// Where the file is, or will be.
  let file: String

  /// mkdtemp(3) in `XDG_RUNTIME_DIR`, or, where there is none, in `/dev/shm`.
  init() throws(SystemCallError) {
    let parent = getenv("XDG_RUNTIME_DIR").flatMap { String(validatingCString: $0) } ?? "/dev/shm"
    var template = "\(parent)/vgpu-XXXXXX".utf8CString
    let name = template.withUnsafeMutableBufferPointer { buffer -> String? in
      guard let start = buffer.baseAddress, mkdtemp(start) != nil else { return nil }
      return String(validatingCString: start)
    }
    guard let name else {
      throw SystemCallError(
        call: "mkdtemp", object: parent, errno: Errno(rawValue: vgpu_last_errno()))
    }
    path = name
    file = "\(name)/screen.ppm"
  }

  deinit {
    unlink(file)
    rmdir(path)
  }
}
