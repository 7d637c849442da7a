// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

extension DMABuf {
  /// Whether it is a memory file that nobody can make shorter (fcntl(2), F_SEAL_SHRINK). Whoever maps
  /// one that another process gave, and that can, is ended by SIGBUS when it does.
  public var isSealedAgainstShrinking: Bool {
    let seals = RunningKernel().fcntl(rawValue, command: vgpu_F_GET_SEALS, argument: 0)
    return seals >= 0 && seals & Int(vgpu_F_SEAL_SHRINK) != 0
  }
}
