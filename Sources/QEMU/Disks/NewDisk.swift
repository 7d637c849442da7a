// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A disk that was made for a guest.
public struct NewDisk: Sendable {
  /// The image's file.
  public let path: String
  /// Its size as the guest sees it.
  public let size: DiskSize
  /// The bytes that its file system has for it; `nil` when that cannot be told.
  public let freeBytes: Int?
  private let identity: ImageFile.Identity?

  /// Whether the disk can grow beyond its file system's free space. A new image takes almost no
  /// space; it grows when the guest writes.
  public var canOutgrow: Bool { freeBytes.map { $0 < size.bytes } ?? false }

  /// Makes a disk with qemu-img(1), as this user and readable by him alone. An existing file is
  /// never changed.
  ///
  /// - Parameters:
  ///   - disk: a disk with a size.
  ///   - program: the QEMU that will open the disk. The qemu-img beside it is used when there is
  ///     one, and else the one in `PATH`.
  /// - Throws: `QEMUError.file` when the file exists or cannot be made; `.missing` when there is no
  ///   qemu-img.
  public init(_ disk: NamedDisk, for program: QEMUProgram) throws(QEMUError) {
    guard let size = disk.newSize else {
      throw .file(disk.path, reason: "no size was given; add size=64G")
    }
    let folder = program.path.lastIndex(of: "/").map { String(program.path[..<$0]) } ?? "."
    guard
      let tool = ["\(folder)/qemu-img", "qemu-img"].lazy.compactMap(ProgramPath.find).first
    else {
      throw .missing(
        "qemu-img",
        reason: "not found, and it makes disks; install it (Debian: apt install qemu-utils)")
    }
    let path = disk.path
    let file: FileDescriptor
    do {
      file = try FileDescriptor.open(
        FilePath(path), .readWrite,
        options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
        permissions: [.ownerReadWrite])
    } catch Errno.fileExists {
      throw Self.exists(path)
    } catch {
      throw .file(path, reason: "cannot be made: \((error as? Errno) ?? .ioError)")
    }
    self.path = path
    self.size = size
    // By its descriptor: in a folder of several users the name may be another file's by now.
    defer { try? file.close() }
    let made = "/proc/\(getpid())/fd/\(file.rawValue)"
    identity = ImageFile.Identity(of: made)
    freeBytes = Self.freeBytes(at: path)
    do {
      try Self.format(path, made, as: disk.format, size, with: tool)
    } catch {
      remove()
      throw error
    }
  }

  /// Why no disk is made in the place of a file.
  package static func exists(_ path: String) -> QEMUError {
    .file(path, reason: "exists already; leave out size= to use it, or name another file")
  }

  private static func format(
    _ path: String, _ made: String, as format: DiskImage.Format, _ size: DiskSize,
    with tool: String
  ) throws(QEMUError) {
    guard let program = SystemProgram(at: tool) else { throw .notInstalled(tool) }
    let outcome: SystemProgram.Outcome
    do {
      outcome = try program.run(
        ["create", "-q", "-f", format.rawValue, made, "\(size.bytes)"], limit: 1 << 16)
    } catch {
      throw .system(error)
    }
    guard outcome.end != .exited(0) else { return }
    let words = String(decoding: outcome.errors, as: UTF8.self).split(whereSeparator: \.isNewline)
    throw .file(path, reason: "qemu-img cannot make it: \(words.first ?? "without a reason")")
  }

  private static func freeBytes(at path: String) -> Int? {
    var space = statvfs()
    guard statvfs(path, &space) == 0 else { return nil }
    let (bytes, isTooMany) = UInt64(space.f_bavail).multipliedReportingOverflow(
      by: UInt64(space.f_frsize))
    return isTooMany ? nil : Int(clamping: bytes)
  }

  /// Removes the disk, for a guest that did not start. A file that has taken its place stays.
  public func remove() {
    guard let identity, ImageFile.Identity(of: path) == identity else { return }
    unlink(path)
  }
}
