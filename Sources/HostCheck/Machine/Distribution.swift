// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The distribution of a host, which decides the names of packages: `/etc/os-release`
/// (os-release(5)).
struct Distribution: Sendable {
  /// The software that a check may tell a user to install.
  enum Package {
    case qemu, qemuDisplay, qemuGL, uefi, graphics
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
    // Proxmox's os-release says Debian, but Proxmox's QEMU replaces Debian's, and conflicts with
    // Debian's UEFI.
    if files.exists("/usr/share/pve-edk2-firmware") || files.exists("/etc/pve") {
      family = .proxmox
    } else {
      family = ids.lazy.compactMap(Self.family).first
    }
  }

  /// The family of an id. The list has the most common ids, and the ids that other distributions
  /// name in ID_LIKE.
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

  /// The command that installs a package, or an instruction when there is no command.
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
    // Both are modules of QEMU. Some distributions have one package for each module, and Debian had
    // them in qemu-system-common and qemu-system-gui before version 13.
    case .qemuDisplay:
      Names(
        words: "D-Bus display and virtio GPU for QEMU",
        debian: "qemu-system-modules-opengl (Debian 12: qemu-system-common)",
        proxmox: "pve-qemu-kvm, in a version with the D-Bus display",
        fedora: "qemu-ui-dbus qemu-device-display-virtio-vga",
        suse: "qemu-ui-dbus qemu-hw-display-virtio-vga",
        arch: "qemu-ui-dbus qemu-hw-display-virtio-vga",
        gentoo: "app-emulation/qemu, with its D-Bus display",
        alpine: "qemu-ui-dbus qemu-hw-display-virtio-vga", void: "qemu",
        nixos: "add pkgs.qemu to environment.systemPackages")
    case .qemuGL:
      Names(
        words: "virtio GPU with OpenGL for QEMU",
        debian: "qemu-system-modules-opengl (Debian 12: qemu-system-gui)",
        proxmox: "libgl1 libegl1",
        fedora: "qemu-device-display-virtio-vga-gl qemu-device-display-virtio-gpu-gl",
        suse: "qemu-hw-display-virtio-vga-gl qemu-hw-display-virtio-gpu-gl",
        arch: "qemu-hw-display-virtio-vga-gl qemu-hw-display-virtio-gpu-gl",
        gentoo: "app-emulation/qemu, with USE=virgl",
        alpine: "qemu-hw-display-virtio-vga-gl qemu-hw-display-virtio-gpu-gl", void: "qemu",
        nixos: "add pkgs.qemu to environment.systemPackages")
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
