// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// An installed UEFI: its code, and an empty store of variables to be copied for each guest.
public struct UEFIImages: Hashable, Sendable {
  /// What runs.
  public let code: DiskImage
  /// What every guest's store begins as.
  public let variables: DiskImage

  /// Where packages, the administrator and the user put descriptors; a file of the same name in a
  /// later folder takes the earlier one's place, and an empty one takes it away.
  public static var folders: [String] {
    let home = getenv("HOME").map { String(cString: $0) } ?? ""
    let configuration = getenv("XDG_CONFIG_HOME").map { String(cString: $0) } ?? ""
    let own = configuration.hasPrefix("/") ? configuration : home + "/.config"
    return ["/usr/share/qemu/firmware", "/etc/qemu/firmware", "\(own)/qemu/firmware"]
  }

  /// The first installed UEFI, by the descriptors' file names, that suits a machine and needs
  /// neither signatures nor system management mode.
  ///
  /// - Parameters:
  ///   - machine: QEMU's full name of the machine, such as `pc-q35-7.2`.
  ///   - folders: where descriptors lie; a file hides those of its name in earlier folders.
  /// - Throws: `QEMUError.noFirmware`.
  public static func find(
    machine: String, folders: [String] = folders
  ) throws(QEMUError) -> UEFIImages {
    var files: [String: String] = [:]
    for folder in folders {
      for name in (try? FileTree.names(in: folder)) ?? [] where name.hasSuffix(".json") {
        files[name] = "\(folder)/\(name)"
      }
    }
    for name in files.keys.sorted() {
      // One that cannot be read or understood is as good as none: it is not this guest's fault.
      guard let path = files[name], let bytes = try? SmallFile.read(path, limit: 1 << 16),
        let descriptor = try? FirmwareDescriptor(json: bytes),
        let images = descriptor.uefi(for: { fnmatch($0, machine, 0) == 0 }),
        images.areUsable
      else { continue }
      return images
    }
    throw .noFirmware(machine: machine, folders: folders)
  }

  /// Whether both can be read and are what the descriptor says, on their own.
  private var areUsable: Bool {
    [code, variables].allSatisfy {
      (try? NamedDisk(path: $0.path, format: $0.format).image()) != nil
    }
  }
}
