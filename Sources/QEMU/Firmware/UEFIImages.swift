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

  /// Makes a pair of its images.
  public init(code: DiskImage, variables: DiskImage) {
    self.code = code
    self.variables = variables
  }

  /// Where packages, the administrator and the user put descriptors; a file of the same name in a
  /// later folder takes the earlier one's place, and an empty one takes it away.
  public static var folders: [String] {
    let home = getenv("HOME").map { String(cString: $0) } ?? ""
    let configuration = getenv("XDG_CONFIG_HOME").map { String(cString: $0) } ?? ""
    let own = configuration.hasPrefix("/") ? configuration : home + "/.config"
    return commonFolders + ["\(own)/qemu/firmware"]
  }

  /// The folders that all users of a host have. NixOS has its packages' files in `/run`, and a QEMU
  /// that was built on the host in `/usr/local`.
  package static let commonFolders = [
    "/run/current-system/sw/share/qemu/firmware", "/usr/local/share/qemu/firmware",
    "/usr/share/qemu/firmware", "/etc/qemu/firmware",
  ]

  /// The first installed UEFI, by the descriptors' file names, that suits a machine and needs
  /// neither signatures nor system management mode; when no descriptor speaks of an UEFI, the first
  /// in the places of distributions that have none.
  ///
  /// - Parameters:
  ///   - machine: QEMU's full name of the machine, such as `pc-q35-7.2`.
  ///   - folders: where descriptors lie; a file hides those of its name in earlier folders.
  ///   - places: images that no descriptor speaks of.
  /// - Throws: `QEMUError.noFirmware`.
  public static func find(
    machine: String, folders: [String] = folders, places: [UEFIImages] = places
  ) throws(QEMUError) -> UEFIImages {
    guard
      let images = find(machine: machine, folders: folders, places: places, in: .ofThisHost)
    else { throw .noFirmware(machine: machine, folders: folders) }
    return images
  }

  /// How files are looked at: those of this host, or of a captured tree.
  package struct Files {
    let names: (_ folder: String) -> [String]
    let bytes: (_ path: String, _ limit: Int) -> [UInt8]?
    let isUsable: (_ image: DiskImage) -> Bool

    package init(
      names: @escaping (_ folder: String) -> [String],
      bytes: @escaping (_ path: String, _ limit: Int) -> [UInt8]?,
      isUsable: @escaping (_ image: DiskImage) -> Bool
    ) {
      self.names = names
      self.bytes = bytes
      self.isUsable = isUsable
    }

    func areUsable(_ images: UEFIImages) -> Bool {
      isUsable(images.code) && isUsable(images.variables)
    }

    /// An image is usable when it can be read and is what it is said to be, without another file.
    static var ofThisHost: Files {
      Files(
        names: { (try? FileTree.names(in: $0)) ?? [] },
        bytes: { try? SmallFile.read($0, limit: $1) },
        isUsable: { (try? NamedDisk(path: $0.path, format: $0.format).image()) != nil })
    }
  }

  /// The same in any tree of files; `nil` when there is none.
  package static func find(
    machine: String, folders: [String], places: [UEFIImages] = places, in files: Files
  ) -> UEFIImages? {
    var paths: [String: String] = [:]
    for folder in folders {
      for name in files.names(folder) where name.hasSuffix(".json") {
        paths[name] = "\(folder)/\(name)"
      }
    }
    var isDescribed = false
    for name in paths.keys.sorted() {
      // One that cannot be read or understood is as good as none: it is not this guest's fault.
      guard let path = paths[name], let bytes = files.bytes(path, 1 << 16) else { continue }
      // An empty one takes its firmware away, from its place too.
      guard !bytes.isEmpty else {
        isDescribed = true
        continue
      }
      guard let descriptor = try? FirmwareDescriptor(json: bytes) else { continue }
      isDescribed = isDescribed || descriptor.isUEFI
      guard let images = descriptor.uefi(for: { fnmatch($0, machine, 0) == 0 }),
        files.areUsable(images)
      else { continue }
      return images
    }
    guard !isDescribed, ["pc", "q35"].contains(where: { machine.hasPrefix($0) }) else {
      return nil
    }
    return places.first(where: files.areUsable)
  }

  /// Where packages put an UEFI for x86-64 without Secure Boot, for those that bring no descriptor.
  public static let places: [UEFIImages] =
    pairs(
      "/usr/share/pve-edk2-firmware",
      [  // Proxmox
        ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd"),
      ])
    + pairs(
      "/usr/share/OVMF",
      [  // Debian, Ubuntu, Alpine; links of Fedora's
        ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd"),
      ])
    + pairs(
      "/usr/share/edk2/ovmf",
      [  // Fedora, RHEL, AlmaLinux
        ("OVMF_CODE_4M.qcow2", "OVMF_VARS_4M.qcow2"), ("OVMF_CODE.fd", "OVMF_VARS.fd"),
      ])
    + pairs(
      "/usr/share/edk2/x64",
      [  // Arch
        ("OVMF_CODE.4m.fd", "OVMF_VARS.4m.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd"),
      ])
    + pairs("/usr/share/edk2-ovmf/x64", [("OVMF_CODE.fd", "OVMF_VARS.fd")])  // Arch before 2024
    + pairs(
      "/usr/share/edk2/OvmfX64",
      [  // Gentoo
        ("OVMF_CODE_4M.qcow2", "OVMF_VARS_4M.qcow2"), ("OVMF_CODE.fd", "OVMF_VARS.fd"),
      ])
    + pairs("/usr/share/edk2-ovmf", [("OVMF_CODE.fd", "OVMF_VARS.fd")])  // Gentoo before 2024
    + pairs(
      "/usr/share/qemu",
      [  // openSUSE
        ("ovmf-x86_64-4m-code.bin", "ovmf-x86_64-4m-vars.bin"),
        ("ovmf-x86_64-code.bin", "ovmf-x86_64-vars.bin"),
      ])
    + pairs(
      "/run/libvirt/nix-ovmf",
      [  // NixOS
        ("edk2-x86_64-code.fd", "edk2-i386-vars.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd"),
      ])
    + ["/usr/share/qemu", "/usr/local/share/qemu", "/run/current-system/sw/share/qemu"].flatMap {
      pairs($0, [("edk2-x86_64-code.fd", "edk2-i386-vars.fd")])  // what QEMU brings itself: Void
    }

  private static func pairs(_ folder: String, _ names: [(String, String)]) -> [UEFIImages] {
    names.map { code, variables in
      let format: DiskImage.Format = code.hasSuffix(".qcow2") ? .qcow2 : .raw
      return UEFIImages(
        code: DiskImage(path: "\(folder)/\(code)", format: format),
        variables: DiskImage(path: "\(folder)/\(variables)", format: format))
    }
  }
}
