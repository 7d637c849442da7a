// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// Hosts of public reports.
extension SysfsTree {
  /// intel/gvt-linux #177: an i7-8700 with Linux 4.19, whose i915 says "Unsupported device. GVT-g is
  /// disabled" and has put enable_gvt back.
  static func coffeeLakeBefore51() throws -> SysfsTree {
    let tree = try SysfsTree.laptop(
      cpu: ("Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz", 158), gpu: "0x3e92")
    try tree.release("4.19.152")
    try tree.file("/sys/module/i915/parameters/enable_gvt", "N\n")
    try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
    return tree
  }

  /// strongtz/i915-sriov-dkms #218: enable_guc=3 on a UHD 620 ("GuC submission is N/A"), and the driver
  /// goes on.
  static func kabyLakeWithGuC() throws -> SysfsTree {
    let tree = try SysfsTree.laptop()
    try tree.release("6.8.4-2-pve")
    try tree.file(
      "/proc/cmdline", "root=/dev/sda1 i915.enable_gvt=1 intel_iommu=on i915.enable_guc=3\n")
    try tree.file("/sys/module/i915/parameters/enable_guc", "3\n")
    return tree
  }

  /// A server whose NVIDIA card offers vGPUs by its own driver, as listings of `mdevctl types` show
  /// them, and whose screen hangs on an ASPEED.
  static func nvidiaServer() throws -> SysfsTree {
    let tree = try SysfsTree.laptop(
      cpu: ("Intel(R) Xeon(R) Gold 6226R CPU @ 2.90GHz", 85))
    for name in ["0000:00:02.0", "0000:00:00.0"] {
      try tree.remove("/sys/bus/pci/devices/\(name)")
    }
    try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
    try tree.kernel("5.15.0-112-generic", "quiet intel_iommu=on iommu=pt")
    for module in ["i915", "kvmgt", "vfio_pci"] { try tree.remove("/sys/module/\(module)") }
    try tree.modules([
      "kvm", "kvm_intel", "vfio", "vfio_iommu_type1", "mdev", "nvidia_vgpu_vfio", "nvidia",
    ])
    try tree.config([
      "KVM", "KVM_INTEL", "VFIO", "VFIO_IOMMU_TYPE1", "VFIO_MDEV", "INTEL_IOMMU", "VFIO_PCI",
    ])
    try tree.function(
      "0000:03:00.0", "0x1a03:0x2000", "0x030000", driver: "ast", group: 30, isBoot: true)
    let card = try tree.function(
      "0000:3b:00.0", "0x10de:0x1e30", "0x030000", driver: "nvidia", group: 40, isBoot: false)
    try tree.bars(card, [16 << 20, 32 << 30, 0, 32 << 20, 0, 128])
    try tree.link("/sys/class/mdev_bus/0000:3b:00.0", to: card)
    for (type, name, left) in [
      (256, "GRID RTX6000-1Q", 23), (257, "GRID RTX6000-2Q", 0), (259, "GRID RTX6000-4Q", 0),
      (435, "GRID RTX6000-1B", 0),
    ] {
      let folder = "\(card)/mdev_supported_types/nvidia-\(type)"
      try tree.file("\(folder)/name", "\(name)\n")
      try tree.file("\(folder)/available_instances", "\(left)\n")
      try tree.file("\(folder)/device_api", "vfio-pci\n")
    }
    return tree
  }

  /// A mainframe, whose mdevs are channels and crypto devices (virt-manager's testdriver.xml).
  static func mainframe() throws -> SysfsTree {
    let tree = try SysfsTree()
    try tree.kernel("6.8.0-45-generic", "root=/dev/disk/by-path/ccw-0.0.e000-part1")
    try tree.file(
      "/proc/cpuinfo",
      """
      vendor_id       : IBM/S390
      # processors    : 2
      bogomips per cpu: 3241.00
      features\t: esan3 zarch stfle msa sie
      processor 0: version = FF,  identification = 2733E8,  machine = 8561

      cpu number      : 0

      """)
    try tree.modules(["kvm", "vfio", "vfio_iommu_type1", "mdev", "vfio_ccw", "vfio_ap"])
    try tree.remove("/sys/module/kvm/parameters/ignore_msrs")
    try tree.config(["KVM", "VFIO", "VFIO_IOMMU_TYPE1", "VFIO_MDEV", "VFIO_CCW", "VFIO_AP"])
    for (parent, type, api, left) in [
      ("css0/0.0.0023", "vfio_ccw-io", "vfio-ccw", 1),
      ("vfio_ap/matrix", "vfio_ap-passthrough", "vfio-ap", 65536),
    ] {
      let path = "/sys/devices/\(parent)"
      try tree.link("/sys/class/mdev_bus/\(parent.split(separator: "/")[1])", to: path)
      try tree.file("\(path)/mdev_supported_types/\(type)/available_instances", "\(left)\n")
      try tree.file("\(path)/mdev_supported_types/\(type)/device_api", "\(api)\n")
    }
    try tree.rights()
    return tree
  }

  /// An Arch desktop whose card for the guest has kept its driver, though vfio-pci has its ids.
  static func archDesktop(_ mkinitcpio: String) throws -> SysfsTree {
    let tree = try SysfsTree.desktop()
    try tree.kernel("6.9.7-arch1-1", "root=/dev/sda2 rw amd_iommu=on iommu=pt")
    try tree.file("/etc/modprobe.d/vfio.conf", "options vfio-pci ids=1002:73df,1002:ab28\n")
    try tree.file("/etc/mkinitcpio.conf", mkinitcpio)
    let card = "/sys/devices/pci0000:00/0000:00:03.1/0000:0a:00.0"
    try tree.file("\(card)/vendor", "0x1002\n")
    try tree.file("\(card)/device", "0x73df\n")
    try tree.remove("\(card)/driver")
    try tree.link("\(card)/driver", to: "/sys/bus/pci/drivers/amdgpu")
    let host = "/sys/devices/pci0000:00/0000:05:00.0"
    try tree.file("\(host)/vendor", "0x10de\n")
    try tree.file("\(host)/device", "0x1c82\n")
    try tree.remove("\(host)/driver")
    try tree.folder("/sys/bus/pci/drivers/nouveau")
    try tree.link("\(host)/driver", to: "/sys/bus/pci/drivers/nouveau")
    return tree
  }

  /// proxmox/qemu-server's cfg2cmd tests: Proxmox VE has UEFI in a folder of its own, without a
  /// descriptor.
  static func proxmox() throws -> SysfsTree {
    let tree = try SysfsTree.desktop()
    try tree.remove("/usr/share/OVMF")
    try tree.file("/etc/os-release", "ID=debian\n")
    for name in ["CODE_4M.fd", "VARS_4M.fd", "CODE.fd", "CODE_4M.secboot.fd"] {
      try tree.file("/usr/share/pve-edk2-firmware/OVMF_\(name)")
    }
    return tree
  }

  /// Another kernel with the same options.
  func release(_ release: String) throws {
    let old =
      "/boot/config-\(try String(contentsOfFile: location("/proc/sys/kernel/osrelease"), encoding: .utf8).filter { $0 != "\n" })"
    try file("/boot/config-\(release)", try String(contentsOfFile: location(old), encoding: .utf8))
    try file("/proc/sys/kernel/osrelease", "\(release)\n")
  }
}
