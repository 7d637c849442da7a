// SPDX-License-Identifier: Apache-2.0

/// What the help of commands that change the host says of rights.
enum Rights {
  static let needed = "Needs root, or asks polkit for it (pkexec)."
}
