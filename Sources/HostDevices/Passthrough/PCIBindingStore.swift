// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// The record of a PCI function, made before its driver is changed for the first time.
struct PCIBindingRecord: Hashable, Sendable {
  let address: PCIAddress
  /// The ids of the recorded device, because another device may come into the slot.
  let vendor: PCIID
  let device: PCIID
  let driver: String?
  /// File `driver_override`, when it was set.
  let override: String?

  private static let heading = "vgpu-pci 1"
  private static let none = "-"

  init(of function: PCIFunction, override: String?) {
    address = function.address
    vendor = function.vendor
    device = function.device
    driver = function.driver
    self.override = override
  }

  /// Reads the format of `text`; `nil` for anything else, which another program wrote.
  init?(_ text: String, address: PCIAddress) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count == 6, lines[0] == Self.heading, lines[5].isEmpty,
      let vendor = Self.value("vendor ", of: lines[1]).flatMap(PCIID.init),
      let device = Self.value("device ", of: lines[2]).flatMap(PCIID.init),
      let driver = Self.value("driver ", of: lines[3]).flatMap(Self.name),
      let override = Self.value("override ", of: lines[4]).flatMap(Self.name)
    else { return nil }
    self.address = address
    self.vendor = vendor
    self.device = device
    self.driver = driver == Self.none ? nil : driver
    self.override = override == Self.none ? nil : override
  }

  var text: String {
    """
    \(Self.heading)
    vendor \(vendor)
    device \(device)
    driver \(driver ?? Self.none)
    override \(override ?? Self.none)

    """
  }

  /// Whether it describes the device that has the address now.
  func isOf(_ function: PCIFunction) -> Bool {
    (address, vendor, device) == (function.address, function.vendor, function.device)
  }

  private static func value(_ key: String, of line: Substring) -> String? {
    line.hasPrefix(key) ? String(line.dropFirst(key.utf8.count)) : nil
  }

  /// A driver's name becomes part of a path.
  private static func name(_ text: String) -> String? {
    PCIDriver.isName(text) ? text : nil
  }
}

/// The records of changed PCI functions, one file each, in a folder that a restart of the host
/// empties, as it undoes the bindings. A file there is trusted only when no other user could have
/// put it there.
struct PCIBindingStore: Sendable {
  let folder: String
  /// The part of the path that exists on every host.
  private let base: String

  private static let largestRecord = 4096

  /// - Parameter root: the folder that holds the host's `/run` on this machine; empty for `/`.
  init(root: String) {
    base = "\(root)/run"
    folder = "\(base)/vgpu/pci"
  }

  /// The functions that have a record, sound or not.
  func addresses() -> [PCIAddress] {
    ((try? FileTree.names(in: folder)) ?? []).compactMap { PCIAddress($0) }.sorted()
  }

  /// A function's record; `nil` when there is none.
  func record(of address: PCIAddress) throws(PCIBindingError) -> PCIBindingRecord? {
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
    guard let record = text.flatMap({ PCIBindingRecord($0, address: address) }) else {
      throw .record(path, reason: "it is none of vgpu's")
    }
    return record
  }

  /// Keeps a record, unless the function has one: the first record tells the host's own binding.
  func keep(_ record: PCIBindingRecord) throws(PCIBindingError) {
    let path = file(record.address)
    for folder in [base, "\(base)/vgpu", folder] where mkdir(folder, 0o755) != 0 {
      let errno = Errno(rawValue: vgpu_last_errno())
      guard errno == .fileExists else { throw .system(Self.refusal("mkdir", folder, errno)) }
    }
    try checkFolders()
    let draft = "\(folder)/.\(record.address).\(getpid())"
    do {
      _ = unlink(draft)
      let file = try FileDescriptor.open(
        FilePath(draft), .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      _ = try file.closeAfter { try file.writeAll(Array(record.text.utf8)) }
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

  private func file(_ address: PCIAddress) -> String { "\(folder)/\(address)" }

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
