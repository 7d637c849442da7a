// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A guest's own UEFI variables, its boot entries included. The store is a copy of the firmware's
/// empty store. It is made once and then belongs to the guest.
public enum VariableStore {
  /// Gives the guest's store, and makes it when there is none.
  ///
  /// - Parameters:
  ///   - guest: a name that stays the same at every start: the path of the guest's disk, or the
  ///     vGPU's UUID.
  ///   - folder: the existing folder for stores.
  ///   - template: the firmware's empty store.
  ///   - isSecure: whether the template has the keys of Secure Boot. A guest has one store: with
  ///     keys, or without.
  /// - Throws: `QEMUError.file`, also for a store of another firmware, and for one that was made
  ///   with keys where none are wanted, or without. Nothing is overwritten.
  public static func make(
    of guest: String, in folder: String, from template: DiskImage, isSecure: Bool = false
  ) throws(QEMUError) -> DiskImage {
    var files = NewGuestFiles()
    return try make(of: guest, in: folder, from: template, isSecure: isSecure, noting: &files)
  }

  /// The same.
  ///
  /// - Parameter files: gets the store when there was none.
  package static func make(
    of guest: String, in folder: String, from template: DiskImage, isSecure: Bool,
    noting files: inout NewGuestFiles
  ) throws(QEMUError) -> DiskImage {
    // The name says the format: bytes that a guest wrote into raw flash memory must not make the
    // store an image, even when the next firmware is an image.
    let ending = template.format == .raw ? "" : ".\(template.format.rawValue)"
    let name = FileNamePart.of(path: guest, limit: 64)
    func path(isSecure: Bool, _ ending: String) -> String {
      "\(folder)/\(name)\(isSecure ? ".secure" : "").vars\(ending)"
    }
    let store = DiskImage(path: path(isSecure: isSecure, ending), format: template.format)
    for format in ["", ".\(DiskImage.Format.qcow2.rawValue)"] {
      let other = path(isSecure: !isSecure, format)
      guard FileTree.exists(other), !FileTree.exists(store.path) else { continue }
      throw .file(
        other,
        reason: """
          the guest's UEFI variables were made \(isSecure ? "without" : "with") Secure Boot's keys; \
          \(isSecure ? "leave Secure Boot out" : "choose Secure Boot"), or remove the file, and the \
          guest's boot entries with it
          """)
    }
    let empty: [UInt8]
    do {
      empty = try SmallFile.read(template.path, limit: 1 << 26)
    } catch {
      throw .file(template.path, reason: "\(reason(error)); install the firmware's package anew")
    }
    do {
      try create(store.path, empty)
      files.variables = store.path
    } catch Errno.fileExists {
    } catch {
      throw .file(store.path, reason: "\(reason(error)); set XDG_STATE_HOME to a folder of yours")
    }
    try check(store, against: empty)
    return store
  }

  /// Makes the copy completely or not at all, and never replaces a file.
  private static func create(_ path: String, _ bytes: [UInt8]) throws {
    if FileTree.exists(path) { throw Errno.fileExists }
    let draft = "\(path).\(getpid())"
    defer { unlink(draft) }
    try SmallFile.create(draft, bytes)
    if link(draft, path) != 0 { throw Errno(rawValue: vgpu_last_errno()) }
  }

  /// Refuses a store of another firmware. Raw flash memory of another size belongs to another
  /// firmware, and a qcow2 image must need no other file.
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

  private static func reason(_ error: any Error) -> String {
    (error as? Errno)?.description ?? "\(error)"
  }
}
