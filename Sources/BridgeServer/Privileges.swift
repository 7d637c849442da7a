// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem

/// What a process may do that others may not.
public enum Privileges {
  /// A capability of `<linux/capability.h>`.
  public enum Capability: UInt64, Sendable {
    /// Reads every file and folder; of a bridge, other users' `/proc/PID/fd`.
    case readAll = 2
    /// Looks into other users' processes.
    case traceAll = 19
  }

  /// Becomes another user for good (setgroups(2), setresgid(2), setresuid(2), capset(2),
  /// PR_SET_NO_NEW_PRIVS). To be called before there is a second thread, which would keep what it
  /// had.
  ///
  /// - Parameters:
  ///   - user: whom, with all groups that he is in.
  ///   - keeping: the capabilities that stay.
  /// - Throws: `SystemCallError`; what was given up until then is gone.
  public static func become(
    _ user: UserDatabase.User, keeping: [Capability]
  ) throws(SystemCallError) {
    let bits = keeping.reduce(UInt64(0)) { $0 | 1 << $1.rawValue }
    let answer = vgpu_become(user.name, user.user, user.group, bits)
    guard answer >= 0 else {
      throw SystemCallError(
        call: "setresuid", object: "user \(user.name)", errno: SystemCall.errno(answer),
        remedy: "run as root, or leave --user out")
    }
  }
}
