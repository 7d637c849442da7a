// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Whether somebody listens on a Unix socket that was bound by this name: it appears in its folder
/// a moment before, and is not connected to, which would make it busy.
public func isListening(on name: String) -> Bool {
  let table = (try? String(contentsOfFile: "/proc/net/unix", encoding: .utf8)) ?? ""
  return table.split(separator: "\n").contains { line in
    let words = line.split(separator: " ")
    // Num, RefCount, Protocol, Flags (__SO_ACCEPTCON), Type, St, Inode, Path
    return words.count == 8 && words[3] == "00010000" && words[7] == name
  }
}
