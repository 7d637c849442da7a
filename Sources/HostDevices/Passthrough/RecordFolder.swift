// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// What vgpu remembers of PCI functions that it has changed, one file each, in a folder that a restart
/// of the host empties, as it undoes the changes. A file there is trusted only when no other user could
/// have put it there.
struct RecordFolder: Sendable {
  let folder: String
  /// The part of the path that exists on every host.
  private let base: String

  private static let largestRecord = 4096

  /// - Parameters:
  ///   - name: the folder's own name in `/run/vgpu`.
  ///   - root: the folder that holds the host's `/run` on this machine; empty for `/`.
  init(_ name: String, root: String) {
    base = "\(root)/run"
    folder = "\(base)/vgpu/\(name)"
  }

  /// The functions that have a record, sound or not.
  func addresses() -> [PCIAddress] {
    ((try? FileTree.names(in: folder)) ?? []).compactMap { PCIAddress($0) }.sorted()
  }

  /// The text of a function's record; `nil` when there is none.
  func text(of address: PCIAddress) throws(PCIBindingError) -> String? {
    let path = file(address)
    let text: String?
    do {
      let file = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      try Self.checkOwner(of: file.rawValue, path, isFolder: false)
      try checkFolders()
      let bytes = try file.readAll(limit: Self.largestRecord, of: path)
      text = String(validating: bytes, as: UTF8.self)
    } catch let error as SystemCallError {
      if error.errno == .noSuchFileOrDirectory { return nil }
      throw .system(error.advising("remove it, and bind the function's driver by hand"))
    } catch let error as PCIBindingError {
      throw error
    } catch {
      throw .record(path, reason: "it cannot be read")
    }
    guard let text else { throw .record(path, reason: "it is none of vgpu's") }
    return text
  }

  /// Keeps a record, unless the function has one.
  func keep(_ record: String, of address: PCIAddress) throws(PCIBindingError) {
    let path = file(address)
    for folder in [base, "\(base)/vgpu", folder] where mkdir(folder, 0o755) != 0 {
      let errno = Errno(rawValue: vgpu_last_errno())
      guard errno == .fileExists else { throw .system(Self.refusal("mkdir", folder, errno)) }
    }
    try checkFolders()
    let draft = "\(folder)/.\(address).\(getpid())"
    do {
      _ = unlink(draft)
      let file = try FileDescriptor.open(
        FilePath(draft), .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      _ = try file.closeAfter { try file.writeAll(Array(record.utf8)) }
    } catch {
      throw .system(Self.refusal("open", draft, (error as? Errno) ?? .ioError))
    }
    // link(2) and not rename(2), because link(2) leaves an existing record alone.
    let answer = link(draft, path)
    let errno = Errno(rawValue: vgpu_last_errno())
    _ = unlink(draft)
    guard answer == 0 || errno == .fileExists else {
      throw .system(Self.refusal("link", path, errno))
    }
  }

  /// Forgets a function's record.
  func forget(_ address: PCIAddress) { _ = unlink(file(address)) }

  /// The path of a function's record.
  func file(_ address: PCIAddress) -> String { "\(folder)/\(address)" }

  private func checkFolders() throws(PCIBindingError) {
    for folder in ["\(base)/vgpu", folder] {
      do {
        let fd = try OwnedFileDescriptor.open(folder, flags: O_RDONLY | O_NOFOLLOW | O_DIRECTORY)
        try Self.checkOwner(of: fd.rawValue, folder, isFolder: true)
      } catch let error as SystemCallError {
        throw .system(error)
      } catch let error as PCIBindingError {
        throw error
      } catch {
        throw .record(folder, reason: "it cannot be looked at")
      }
    }
  }

  /// Only this user may have written it: root, when drivers are changed.
  private static func checkOwner(
    of fd: Int32, _ path: String, isFolder: Bool
  ) throws(PCIBindingError) {
    guard let file = try? Stat(FileDescriptor(rawValue: fd)) else {
      throw .record(path, reason: "it cannot be looked at")
    }
    guard file.type == (isFolder ? .directory : .regular) else {
      throw .record(path, reason: "it is no plain \(isFolder ? "folder" : "file")")
    }
    guard file.userID.rawValue == geteuid() else {
      throw .record(path, reason: "it belongs to user \(file.userID.rawValue)")
    }
    guard file.permissions.isDisjoint(with: [.groupWrite, .otherWrite]) else {
      throw .record(path, reason: "others may write to it")
    }
  }

  private static func refusal(_ call: String, _ path: String, _ errno: Errno) -> SystemCallError {
    SystemCallError(
      call: call, object: path, errno: errno,
      remedy: "changing a device's driver needs root and a /run that can be written")
  }
}
