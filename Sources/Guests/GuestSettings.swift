// SPDX-License-Identifier: Apache-2.0

import Attachment
import CLinux
import Glibc
import GuestControl
package import GuestSession
import HostDevices
import JSONText
import LinuxSystem
import QEMU
import SafeText
import SystemPackage

/// What is remembered of a guest: what its user has chosen in its window. `nil` is what nobody has chosen.
///
/// A further setting is a further property here, and a key of the file.
package struct GuestSettings: Hashable, Sendable, Codable {
  /// The ways that the clipboards' contents may take, by their names on the command line.
  package var clipboard: String?
  /// The picture's size in its window, by its name on the command line.
  package var scale: String?
  /// Whether the guest is heard: `on` or `off`.
  package var sound: String?

  /// Nothing is chosen.
  package init() {}
}

/// The file that remembers guests' settings, for this user's programs.
///
/// Its guests are in the order of their last changes, and the oldest one goes when there are too many. A
/// program that changes it makes a new file in its place (rename(2)), so that nobody reads half of one.
package struct GuestSettingsFile: Sendable {
  /// Where it is; it may not be there yet.
  package let path: String
  private let folders: GuestFolders
  /// How long a change waits for those of other programs.
  var patience = Duration.milliseconds(500)

  /// The most guests that are remembered.
  package static let mostGuests = 256
  /// The largest file that is read, in bytes.
  package static let mostBytes = 1 << 20
  /// The longest name of a guest that is remembered, in bytes.
  package static let longestName = 1024

  /// The file in the folder for what outlives a login.
  package init(in folders: GuestFolders) {
    self.folders = folders
    path = "\(folders.statePath)/guests.json"
  }

  /// What is remembered of a guest; nothing of an unknown one, and when there is no file.
  ///
  /// - Parameter guest: its name (`Guest.settingsName`).
  /// - Throws: `GuestSettingsError` when the file is none of these. Then nothing of it counts.
  package func settings(of guest: String) throws(GuestSettingsError) -> GuestSettings {
    try read().last { $0.guest == guest }?.settings ?? GuestSettings()
  }

  /// Changes what is remembered of a guest, while no other program changes the file. A file that cannot be
  /// read is kept beside the new one, under the name `guests.json.bad`.
  ///
  /// - Parameter guest: its name (`Guest.settingsName`).
  /// - Throws: `GuestSettingsError`.
  package func change(
    _ guest: String, _ body: (inout GuestSettings) -> Void
  ) throws(GuestSettingsError) {
    guard guest.utf8.count <= Self.longestName else {
      throw GuestSettingsError(path, "the guest's name is too long for it")
    }
    do {
      _ = try folders.state()
    } catch {
      throw GuestSettingsError("\(error)")
    }
    let lock = try locked()
    defer { try? lock.close() }
    var entries: [Entry] = []
    do {
      entries = try read()
    } catch {
      guard rename(path, "\(path).bad") == 0 else { throw error }
    }
    var settings = entries.last { $0.guest == guest }?.settings ?? GuestSettings()
    body(&settings)
    entries.removeAll { $0.guest == guest }
    if settings != GuestSettings() { entries.append(Entry(guest: guest, settings: settings)) }
    try write(Array(entries.suffix(Self.mostGuests)))
  }

  // MARK: The file

  private struct Contents: Codable {
    let guests: [Entry]
  }

  private struct Entry: Codable {
    let guest: String
    let settings: GuestSettings

    private enum CodingKeys: CodingKey {
      case guest
    }

    init(guest: String, settings: GuestSettings) {
      self.guest = guest
      self.settings = settings
    }

    /// The settings are keys beside the guest's name.
    init(from decoder: any Decoder) throws {
      guest = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .guest)
      settings = try GuestSettings(from: decoder)
    }

    func encode(to encoder: any Encoder) throws {
      var values = encoder.container(keyedBy: CodingKeys.self)
      try values.encode(guest, forKey: .guest)
      try settings.encode(to: encoder)
    }
  }

  private func read() throws(GuestSettingsError) -> [Entry] {
    let bytes: [UInt8]
    do throws(SystemCallError) {
      let file = try OwnedFileDescriptor.openPlainFile(path)
      bytes = try file.readAll(limit: Self.mostBytes + 1, of: path)
    } catch {
      if error.errno == .noSuchFileOrDirectory { return [] }
      throw GuestSettingsError("\(error)")
    }
    guard bytes.count <= Self.mostBytes else {
      throw GuestSettingsError(path, "it is larger than \(Self.mostBytes >> 10) KiB")
    }
    do {
      return try JSON.decode(Contents.self, from: bytes).guests
    } catch {
      throw GuestSettingsError(path, PlainText.line(JSON.reason(error), limit: 256))
    }
  }

  private func write(_ entries: [Entry]) throws(GuestSettingsError) {
    let draft = "\(path).\(getpid())"
    do {
      let text = try JSON.document(Contents(guests: entries)) + "\n"
      _ = unlink(draft)
      let file = try FileDescriptor.open(
        FilePath(draft), .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
        permissions: .ownerReadWrite)
      _ = try file.closeAfter {
        _ = try file.writeAll(Array(text.utf8))
        // Else a crash of the host may leave an empty file under the name.
        guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: vgpu_last_errno()) }
      }
      guard rename(draft, path) == 0 else { throw Errno(rawValue: vgpu_last_errno()) }
    } catch {
      _ = unlink(draft)
      throw GuestSettingsError(draft, "\((error as? Errno) ?? .ioError)")
    }
  }

  /// The lock of those who change the file. It goes with its descriptor. A program that stands still with it
  /// holds nobody up for long.
  private func locked() throws(GuestSettingsError) -> FileDescriptor {
    let path = "\(path).lock"
    do {
      let file = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .noFollow, .closeOnExec],
        permissions: .ownerReadWrite)
      let start = MonotonicInstant.now
      while flock(file.rawValue, LOCK_EX | LOCK_NB) != 0, start.duration(to: .now) < patience {
        SystemThread.sleep(for: .milliseconds(10))
      }
      return file
    } catch {
      throw GuestSettingsError(path, "\((error as? Errno) ?? .ioError)")
    }
  }
}

/// Why settings are not remembered.
package struct GuestSettingsError: Error, CustomStringConvertible {
  /// One line: object, cause, remedy.
  package let description: String

  init(_ description: String) { self.description = description }

  init(_ path: String, _ reason: String) {
    self.init("\(path): \(reason); correct it, or remove it")
  }
}

extension Guest {
  /// The name under which the guest's settings are remembered; `nil` for a process that tells no name, whose
  /// number is another guest's tomorrow.
  package var settingsName: String? {
    switch target {
    case .mdev, .pci, .libvirt, .demo: return "\(target)"
    case .bridge(let path, let vGPU): return "\(Target.bridge(path: absolute(path), vGPU: vGPU))"
    case .qmp(let path): return "qmp:\(absolute(path))"
    case .process(let pid):
      guard let process = try? RunningProcess(pid), let sockets = try? QMPSockets(of: process),
        let name = sockets.guestName
      else { return nil }
      return "name:\(name)"
    }
  }
}

extension RunningGuest {
  /// The name under which the guest's settings are remembered: its vGPU's, when that exists beyond this guest;
  /// else its name in QEMU. A guest whose name is made of a vGPU that was made for it goes by its first disk.
  package var settingsName: String? {
    guard let vGPU else { return "name:\(configuration.name)" }
    if !isVGPUMade { return "\(Target.mdev(vGPU.uuid))" }
    guard configuration.name.contains("\(vGPU.uuid)") else { return "name:\(configuration.name)" }
    return configuration.disks.first.map { "disk:\(absolute($0.path))" }
  }
}

/// A path that means the same in another folder.
private func absolute(_ path: String) -> String {
  guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
  defer { free(folder) }
  return "\(String(cString: folder))/\(path)"
}
