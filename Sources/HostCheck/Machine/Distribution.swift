// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Whose packages a host has: `/etc/os-release` (os-release(5)).
struct Distribution: Sendable {
  /// What a check may tell a user to install.
  enum Package {
    case qemu, uefi, graphics
  }

  private enum Family {
    case debian, proxmox, fedora, suse, arch, gentoo, alpine, void, nixos
  }

  private let family: Family?

  init(files: Sysfs) {
    let lines = ["/etc/os-release", "/usr/lib/os-release"].lazy.map { files.lines($0) }
      .first { !$0.isEmpty }
    let values = (lines ?? []).compactMap { line -> (Substring, [Substring])? in
      guard let sign = line.firstIndex(of: "=") else { return nil }
      let value = line[line.index(after: sign)...].filter { $0 != "\"" && $0 != "'" }
      return (line[..<sign], Substring(value).split(separator: " "))
    }
    let ids = ["ID", "ID_LIKE"].flatMap { key in values.filter { $0.0 == key }.flatMap(\.1) }
    // Proxmox calls itself Debian, but its QEMU replaces Debian's, and conflicts with Debian's UEFI.
    if files.exists("/usr/share/pve-edk2-firmware") || files.exists("/etc/pve") {
      family = .proxmox
    } else {
      family = ids.lazy.compactMap(Self.family).first
    }
  }

  /// The most common ids, and those that others name in ID_LIKE.
  private static func family(_ id: Substring) -> Family? {
    switch id {
    case "debian", "ubuntu", "linuxmint", "pop", "devuan": .debian
    case "fedora", "rhel", "centos", "almalinux", "rocky": .fedora
    case "suse", "opensuse", "opensuse-tumbleweed", "opensuse-leap", "sles": .suse
    case "arch", "archlinux", "manjaro", "artix": .arch
    case "gentoo": .gentoo
    case "alpine": .alpine
    case "void": .void
    case "nixos": .nixos
    default: nil
    }
  }

  /// The command, or the deed, that installs something.
  func installing(_ package: Package) -> String {
    let names = Self.names(of: package)
    return switch family {
    case .debian: "apt install \(names.debian)"
    case .proxmox: "apt install \(names.proxmox)"
    case .fedora: "dnf install \(names.fedora)"
    case .suse: "zypper install \(names.suse)"
    case .arch: "pacman -S \(names.arch)"
    case .gentoo: "emerge \(names.gentoo)"
    case .alpine: "apk add \(names.alpine)"
    case .void: "xbps-install \(names.void)"
    case .nixos: names.nixos
    case nil: "install your distribution's \(names.words) (Debian: apt install \(names.debian))"
    }
  }

  private struct Names {
    let words, debian, proxmox, fedora, suse, arch, gentoo, alpine, void, nixos: String
  }

  private static func names(of package: Package) -> Names {
    switch package {
    case .qemu:
      Names(
        words: "QEMU for x86", debian: "qemu-system-x86", proxmox: "pve-qemu-kvm",
        fedora: "qemu-system-x86 (RHEL and its like: qemu-kvm)", suse: "qemu-x86",
        arch: "qemu-desktop", gentoo: "app-emulation/qemu", alpine: "qemu-system-x86_64",
        void: "qemu", nixos: "add pkgs.qemu to environment.systemPackages")
    case .uefi:
      Names(
        words: "UEFI for guests", debian: "ovmf", proxmox: "pve-edk2-firmware-ovmf",
        fedora: "edk2-ovmf", suse: "qemu-ovmf-x86_64", arch: "edk2-ovmf",
        gentoo: "sys-firmware/edk2-bin", alpine: "ovmf", void: "qemu, which brings one",
        nixos: "set virtualisation.libvirtd.enable, whose QEMU brings one")
    case .graphics:
      Names(
        words: "Mesa", debian: "libegl1 libgl1-mesa-dri", proxmox: "libegl1 libgl1-mesa-dri",
        fedora: "mesa-libEGL mesa-dri-drivers", suse: "Mesa-libEGL1 Mesa-dri", arch: "mesa",
        gentoo: "media-libs/mesa", alpine: "mesa-egl mesa-dri-gallium", void: "mesa mesa-dri",
        nixos: "set hardware.graphics.enable")
    }
  }
}
