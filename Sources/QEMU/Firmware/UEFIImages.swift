// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// An installed UEFI: its code, and an empty store of variables. Each guest gets a copy of the
/// store.
public struct UEFIImages: Hashable, Sendable {
  /// The image of the code.
  public let code: DiskImage
  /// The empty store of variables, the template for each guest's own store.
  public let variables: DiskImage

  /// Makes a pair from its two images.
  public init(code: DiskImage, variables: DiskImage) {
    self.code = code
    self.variables = variables
  }

  /// The folders for descriptors from packages, the administrator and the user. A file in a later
  /// folder replaces the file with the same name in an earlier folder. An empty file removes it.
  public static var folders: [String] {
    let home = getenv("HOME").map { String(cString: $0) } ?? ""
    let configuration = getenv("XDG_CONFIG_HOME").map { String(cString: $0) } ?? ""
    let own = configuration.hasPrefix("/") ? configuration : home + "/.config"
    return commonFolders + ["\(own)/qemu/firmware"]
  }

  /// The folders for all users of a host. The files of NixOS packages are in `/run`, and the files
  /// of a QEMU that was built on the host in `/usr/local`.
  package static let commonFolders = [
    "/run/current-system/sw/share/qemu/firmware", "/usr/local/share/qemu/firmware",
    "/usr/share/qemu/firmware", "/etc/qemu/firmware",
  ]

  /// Finds the first installed UEFI, in the order of the descriptors' file names, that fits a
  /// machine. It needs neither signatures nor system management mode; with Secure Boot it has both,
  /// and its store of variables has keys (Microsoft's, as packages are made). When no descriptor
  /// describes a UEFI, it takes the first usable pair in `places`.
  ///
  /// - Parameters:
  ///   - machine: QEMU's full name of the machine, such as `pc-q35-7.2`.
  ///   - isSecure: whether it has Secure Boot.
  ///   - folders: the folders with descriptors. A file hides the files with its name in earlier
  ///     folders.
  ///   - places: images of packages that have no descriptor; `nil` for all that are known.
  /// - Throws: `QEMUError.noFirmware`; `.noSecureFirmware` with Secure Boot.
  public static func find(
    machine: String, isSecure: Bool = false, folders: [String] = folders,
    places: [UEFIImages]? = nil
  ) throws(QEMUError) -> UEFIImages {
    guard
      let images = find(
        machine: machine, isSecure: isSecure, folders: folders, places: places, in: .ofThisHost)
    else {
      throw isSecure
        ? .noSecureFirmware(machine: machine, folders: folders)
        : .noFirmware(machine: machine, folders: folders)
    }
    return images
  }

  /// Access to files: the files of this host, or of a captured tree.
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

    /// The files of this host. An image is usable when it can be read, has the stated format, and
    /// needs no other file.
    static var ofThisHost: Files {
      Files(
        names: { (try? FileTree.names(in: $0)) ?? [] },
        bytes: { try? SmallFile.read($0, limit: $1) },
        isUsable: { (try? NamedDisk(path: $0.path, format: $0.format).image()) != nil })
    }
  }

  /// Finds a UEFI in the same way in any tree of files; `nil` when there is none.
  package static func find(
    machine: String, isSecure: Bool = false, folders: [String], places: [UEFIImages]? = nil,
    in files: Files
  ) -> UEFIImages? {
    let places = places ?? (isSecure ? Self.securePlaces : Self.places)
    var paths: [String: String] = [:]
    for folder in folders {
      for name in files.names(folder) where name.hasSuffix(".json") {
        paths[name] = "\(folder)/\(name)"
      }
    }
    var isDescribed = false
    for name in paths.keys.sorted() {
      // Skip a descriptor that cannot be read or understood: it is not this guest's fault.
      guard let path = paths[name], let bytes = files.bytes(path, 1 << 16) else { continue }
      // An empty descriptor removes its firmware, so the firmware must not come back through
      // `places`.
      guard !bytes.isEmpty else {
        isDescribed = true
        continue
      }
      guard let descriptor = try? FirmwareDescriptor(json: bytes) else { continue }
      isDescribed = isDescribed || descriptor.isUEFI
      let images = descriptor.uefi(isSecure: isSecure) { fnmatch($0, machine, 0) == 0 }
      guard let images, files.areUsable(images) else { continue }
      return images
    }
    // System management mode is q35's.
    let machines = isSecure ? ["pc-q35", "q35"] : ["pc", "q35"]
    guard !isDescribed, machines.contains(where: machine.hasPrefix) else { return nil }
    return places.first(where: files.areUsable)
  }

  /// The paths of UEFIs for x86-64 without Secure Boot, for packages that have no descriptor.
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

  /// The paths of UEFIs with Secure Boot and Microsoft's keys, for packages that have no descriptor.
  public static let securePlaces: [UEFIImages] =
    pairs(
      "/usr/share/pve-edk2-firmware", [("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd")])
    + pairs(
      "/usr/share/OVMF",
      [  // Debian, Ubuntu
        ("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd"),
        ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd"), ("OVMF_CODE.ms.fd", "OVMF_VARS.ms.fd"),
      ])
    + pairs(
      "/usr/share/edk2/ovmf",
      [  // Fedora, RHEL, AlmaLinux
        ("OVMF_CODE_4M.secboot.qcow2", "OVMF_VARS_4M.secboot.qcow2"),
        ("OVMF_CODE.secboot.fd", "OVMF_VARS.secboot.fd"),
      ])
    + pairs(
      "/usr/share/qemu",
      [  // openSUSE
        ("ovmf-x86_64-smm-ms-code.bin", "ovmf-x86_64-smm-ms-vars.bin")
      ])

  private static func pairs(_ folder: String, _ names: [(String, String)]) -> [UEFIImages] {
    names.map { code, variables in
      let format: DiskImage.Format = code.hasSuffix(".qcow2") ? .qcow2 : .raw
      return UEFIImages(
        code: DiskImage(path: "\(folder)/\(code)", format: format),
        variables: DiskImage(path: "\(folder)/\(variables)", format: format))
    }
  }
}
