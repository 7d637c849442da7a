// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The configuration in `modprobe.d`, read by kmod's rules: modprobe.d(5), `libkmod-config.c`.
struct ModprobeConfiguration: Sendable {
  /// A line that kmod accepts: `COMMAND MODULE REST`.
  struct Line: Sendable {
    let command: Substring
    /// The module's name with underscores.
    let module: String
    let rest: Substring
    /// The file that contains the line.
    let path: String
  }

  let lines: [Line]

  init(files: Sysfs) {
    self.init(
      lines: DropInFolders.modprobe.paths(files).flatMap { path in
        Self.lines(of: files.bytes(path, limit: 1 << 20) ?? [], in: path)
      })
  }

  init(lines: [Line]) { self.lines = lines }

  /// The options of a module, in the order in which kmod gives them, each with its file.
  func options(of module: String) -> [(argument: KernelArgument, path: String)] {
    lines.filter { $0.command == "options" && $0.module == module }.flatMap { line in
      KernelArgument.list(line.rest).map { ($0, line.path) }
    }
  }

  /// The line that stops a module from loading when the host starts; `nil` for none.
  func obstacle(to module: String) -> String? {
    for line in lines where line.module == module {
      if line.command == "blacklist" { return "blacklist \(module) in \(line.path)" }
      // The usual way to forbid a module is a command that loads nothing.
      if line.command == "install", !line.rest.contains("modprobe"), !line.rest.contains("insmod") {
        return "install \(module) \(line.rest) in \(line.path)"
      }
    }
    return nil
  }

  /// The logical lines of a file. A backslash at a line's end joins the next line, and any other
  /// backslash is removed. A comment begins in the first column, and includes the lines joined to
  /// it.
  static func lines(of bytes: [UInt8], in path: String) -> [Line] {
    var joined: [[UInt8]] = [[]]
    var isEscaped = false
    for byte in bytes {
      if isEscaped {
        isEscaped = false
        if byte != UInt8(ascii: "\n") { joined[joined.count - 1].append(byte) }
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\n") {
        joined.append([])
      } else {
        joined[joined.count - 1].append(byte)
      }
    }
    return joined.compactMap { bytes in
      guard bytes.first != UInt8(ascii: "#") else { return nil }
      let words = Substring(decoding: bytes, as: UTF8.self)
        .split(maxSplits: 2, whereSeparator: Self.isBlank)
      guard words.count >= 2 else { return nil }
      let rest = words.count > 2 ? words[2] : ""
      return Line(
        command: words[0], module: KernelArgument.spelled(words[1]), rest: rest, path: path)
    }
  }

  private static func isBlank(_ character: Character) -> Bool {
    character == " " || character == "\t"
  }
}
