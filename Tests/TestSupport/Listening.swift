// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Whether somebody listens on a Unix socket that was bound by this name: it appears in its folder
/// a moment before, and is not connected to, which would make it busy.
public func isListening(on name: String) -> Bool {
  String(decoding: socketTable(), as: UTF8.self).split(separator: "\n").contains { line in
    let words = line.split(separator: " ")
    // Num, RefCount, Protocol, Flags (__SO_ACCEPTCON), Type, St, Inode, Path
    return words.count == 8 && words[3] == "00010000" && words[7] == name
  }
}

/// The number of sockets that are bound by this name: the listening one, and one for each client. Other
/// tests of this process have sockets too.
public func socketCount(of name: String) -> Int {
  String(decoding: socketTable(), as: UTF8.self).split(separator: "\n")
    .count { $0.hasSuffix(" \(name)") }
}

/// The whole table of Unix sockets. The kernel gives it page by page, and Foundation takes the first page of
/// a file without a length for all of it.
private func socketTable() -> [UInt8] {
  guard let file = fopen("/proc/net/unix", "r") else { return [] }
  defer { fclose(file) }
  var table: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = fread(&buffer, 1, buffer.count, file)
    guard count > 0 else { return table }
    table += buffer[..<count]
  }
}
