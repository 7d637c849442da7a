// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// virtiofsd(1), which serves a folder of the host's to a guest.
public struct VirtiofsServer: Hashable, Sendable {
  /// The program's file.
  public let path: String
  /// Whether it can serve a folder that the guest may only read (`--readonly`).
  public let canBeReadOnly: Bool

  /// Makes a program with known abilities.
  public init(path: String, canBeReadOnly: Bool) {
    self.path = path
    self.canBeReadOnly = canBeReadOnly
  }

  /// Where packages put it: it is no command for users.
  private static let folders = ["/usr/libexec", "/usr/lib", "/usr/lib/qemu", "/usr/local/libexec"]

  /// Finds the program in `PATH` and in the folders of packages, and asks it what it can do.
  ///
  /// QEMU's older program of this name (until 7.2, in C) is none: it needs root, and cannot keep a
  /// guest from writing.
  ///
  /// - Returns: `nil` when it is not installed.
  public static func find() -> VirtiofsServer? {
    let paths = ["virtiofsd"] + folders.map { "\($0)/virtiofsd" }
    for path in paths.compactMap(ProgramPath.find) {
      guard let program = SystemProgram(at: path),
        let version = try? program.run(["--version"], limit: 1 << 12),
        let help = try? program.run(["--help"], limit: 1 << 16)
      else { continue }
      guard isItsVersion(String(decoding: version.output, as: UTF8.self)) else { continue }
      return VirtiofsServer(
        path: path,
        canBeReadOnly: String(decoding: help.output, as: UTF8.self).contains("--readonly"))
    }
    return nil
  }

  /// Whether the program in Rust says this of itself: `virtiofsd 1.13.2`, and before 1.11
  /// `virtiofsd backend 1.10.0`. The program in C says `virtiofsd version 7.2.0`.
  package static func isItsVersion(_ text: String) -> Bool {
    let words = text.split(whereSeparator: \.isWhitespace).filter { $0 != "backend" }
    return words.count > 1 && words[0] == "virtiofsd" && words[1].first?.isNumber == true
  }

  /// Its arguments for a listening socket under this descriptor number. It ends when QEMU closes
  /// its connection.
  public func arguments(for share: FolderShare, listener: Int32) -> [String] {
    ["--fd=\(listener)", "--shared-dir=\(share.path)"] + (share.isReadOnly ? ["--readonly"] : [])
  }

  /// The words of a command that serves a folder at a socket, for a person who starts QEMU.
  public func command(for share: FolderShare, socket: String) -> [String] {
    [path, "--socket-path=\(socket)", "--shared-dir=\(share.path)"]
      + (share.isReadOnly ? ["--readonly"] : [])
  }
}
