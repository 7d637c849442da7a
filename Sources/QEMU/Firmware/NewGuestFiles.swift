// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem

/// What was made for a guest that starts for the first time: its UEFI variables, its TPM's state. A guest
/// that has not started leaves neither.
package struct NewGuestFiles: Sendable {
  /// The file with the UEFI variables; `nil` when the guest had one.
  package var variables: String?
  /// The folder with the TPM's state; `nil` when the guest had one.
  package var tpm: String?

  package init() {}

  /// Removes them, unless another start of the same guest has found them meanwhile and uses them.
  package func remove() {
    if let variables, !Self.isLocked(variables) { unlink(variables) }
    guard let tpm, (try? EmulatedTPM.checkFree(state: tpm)) != nil else { return }
    for name in (try? FileTree.names(in: tpm)) ?? [] { unlink("\(tpm)/\(name)") }
    rmdir(tpm)
  }

  /// Whether a process has a lock of the file, as QEMU has of its images (fcntl(2), F_OFD_GETLK).
  private static func isLocked(_ path: String) -> Bool {
    guard let file = try? OwnedFileDescriptor.open(path, flags: O_RDWR) else { return false }
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    lock.l_whence = Int16(SEEK_SET)
    // <fcntl.h> has it for _GNU_SOURCE alone.
    let getLock: Int32 = 36
    let answer = withUnsafeMutablePointer(to: &lock) {
      vgpu_fcntl(file.rawValue, getLock, Int(bitPattern: $0))
    }
    return answer == 0 && lock.l_type != Int16(F_UNLCK)
  }
}
