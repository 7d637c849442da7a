// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A guest's own UEFI variables, among them what it boots: a copy of the firmware's empty store that
/// is made once and then belongs to the guest.
public enum VariableStore {
  /// The guest's store, which is made when there is none.
  ///
  /// - Parameters:
  ///   - guest: what the guest is known by from one start to the next: its disk's path, or the
  ///     vGPU's UUID.
  ///   - folder: where stores lie; it exists.
  ///   - template: the firmware's empty store.
  /// - Throws: `QEMUError.file`, also for a store that another firmware has made.
  public static func make(
    of guest: String, in folder: String, from template: DiskImage
  ) throws(QEMUError) -> DiskImage {
    // The name tells the format: what a guest has written into raw flash memory must not turn it
    // into an image, not even when the next firmware is one.
    let ending = template.format == .raw ? "" : ".\(template.format.rawValue)"
    let store = DiskImage(
      path: "\(folder)/\(name(of: guest))\(ending)", format: template.format)
    let empty: [UInt8]
    do {
      empty = try SmallFile.read(template.path, limit: 1 << 26)
    } catch {
      throw .file(template.path, reason: "\(reason(error)); install the firmware's package anew")
    }
    do {
      try create(store.path, empty)
    } catch Errno.fileExists {
    } catch {
      throw .file(store.path, reason: "\(reason(error)); set XDG_STATE_HOME to a folder of yours")
    }
    try check(store, against: empty)
    return store
  }

  /// The copy appears as a whole or not at all, and never in another's place.
  private static func create(_ path: String, _ bytes: [UInt8]) throws {
    if FileTree.exists(path) { throw Errno.fileExists }
    let draft = "\(path).\(getpid())"
    defer { unlink(draft) }
    try SmallFile.create(draft, bytes)
    if link(draft, path) != 0 { throw Errno(rawValue: vgpu_last_errno()) }
  }

  /// Flash memory of another size was another firmware's. An image must need no other file.
  private static func check(_ store: DiskImage, against empty: [UInt8]) throws(QEMUError) {
    let size = (try? Stat(store.path)).map { Int($0.size) } ?? 0
    guard (try? NamedDisk(path: store.path, format: store.format).image()) != nil,
      store.format == .qcow2 || size == empty.count
    else {
      throw .file(
        store.path,
        reason: "made for another firmware; remove it, and the guest's boot entries with it")
    }
  }

  /// A file's name that tells a person what it is of, and differs where the guests do.
  private static func name(of guest: String) -> String {
    // FNV-1a.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in guest.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let digits = String(hash, radix: 16)
    let plain = guest.split(separator: "/").last?.map { character in
      character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
        ? character : "_"
    }
    return "\(String(plain ?? []).prefix(64))-\(digits).vars"
  }

  private static func reason(_ error: any Error) -> String {
    (error as? Errno)?.description ?? "\(error)"
  }
}
