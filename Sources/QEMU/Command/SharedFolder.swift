// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A folder of the host's as a user names it for a guest: `FOLDER` or `FOLDER:ro`.
public struct SharedFolder: Hashable, Sendable {
  /// The folder.
  public let path: String
  /// Whether the guest may only read.
  public let isReadOnly: Bool

  /// Names a folder.
  public init(path: String, isReadOnly: Bool = false) {
    self.path = path
    self.isReadOnly = isReadOnly
  }

  /// Reads a user's text: `FOLDER`, `FOLDER:ro` or `FOLDER:rw`; `nil` when it names no folder.
  public init?(_ text: String) {
    let mode = text.suffix(3)
    let hasMode = mode == ":ro" || mode == ":rw"
    let path = hasMode ? String(text.dropLast(3)) : text
    guard !path.isEmpty, !path.utf8.contains(0) else { return nil }
    self.init(path: path, isReadOnly: mode == ":ro")
  }

  /// Checks that the user may give the folder away.
  ///
  /// - Returns: the folder's real path.
  /// - Throws: `QEMUError.missing`, `.file`, `.noRights`.
  public func check() throws(QEMUError) -> String {
    guard let real = FileTree.realPath(of: path) else {
      throw .missing(path, reason: "no such folder; make it, or name another one")
    }
    guard let status = try? Stat(real), status.type == .directory else {
      throw .file(path, reason: "is no folder; name the folder that contains it")
    }
    guard real != "/" else {
      throw .file(path, reason: "contains every file of the host; name a folder in it")
    }
    guard access(real, isReadOnly ? R_OK | X_OK : R_OK | W_OK | X_OK) == 0 else {
      throw .noRights(
        path,
        reason: isReadOnly
          ? "may not be read; name a folder of yours"
          : "may not be written to; share it read-only (\(path):ro)")
    }
    return real
  }
}

/// A folder of the host's that a guest has.
public struct FolderShare: Hashable, Sendable {
  /// How the guest reaches the folder.
  @nonexhaustive
  public enum Way: Hashable, Sendable {
    /// virtiofs, which a program of the host's, virtiofsd(1), serves at this socket; `nil` when a
    /// manager starts virtiofsd. The guest's memory is shared with it.
    case virtiofs(socket: String?)
    /// 9p, which QEMU itself serves. What the guest makes belongs to QEMU's user; owners, modes,
    /// links and devices that the guest makes are kept in extended attributes only.
    case plan9
  }

  /// The folder's absolute path.
  public let path: String
  /// The name by which the guest mounts it.
  public let tag: String
  /// Whether the guest may only read.
  public let isReadOnly: Bool
  /// How the guest reaches it.
  public var way: Way

  /// Makes a share.
  public init(path: String, tag: String, isReadOnly: Bool, way: Way) {
    self.path = path
    self.tag = tag
    self.isReadOnly = isReadOnly
    self.way = way
  }

  /// The largest number of folders that a guest can have.
  public static let most = 8

  /// Tags for folders: each one's name, cleaned, and unlike the others. A tag of virtiofs has 36
  /// bytes at most, and one of 9p 31.
  public static func tags(for paths: [String]) -> [String] {
    var tags: [String] = []
    for path in paths {
      let plain = path.split(separator: "/").last?.map { character in
        character.isASCII && (character.isLetter || character.isNumber || "-_".contains(character))
          ? character : "_"
      }
      let name = String((plain ?? []).prefix(24))
      let base = name.isEmpty ? "share" : name
      let free = (1...most + 1).lazy.map { $0 == 1 ? base : "\(base)-\($0)" }
        .first { !tags.contains($0) }
      tags.append(free ?? "\(base)-\(tags.count)")
    }
    return tags
  }

  /// The command that mounts the folder in a Linux guest, on an existing folder.
  public var mountCommand: String {
    switch way {
    case .virtiofs: "mount -t virtiofs \(tag) /mnt"
    case .plan9: "mount -t 9p -o trans=virtio,version=9p2000.L \(tag) /mnt"
    }
  }
}
