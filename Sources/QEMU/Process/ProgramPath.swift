// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The files of programs.
package enum ProgramPath {
  /// Finds a program as a shell does.
  ///
  /// - Parameter name: a path, or a name to search in `PATH`.
  /// - Returns: a path; `nil` when there is no such program.
  package static func find(_ name: String) -> String? {
    if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
    let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return folders.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }
}
