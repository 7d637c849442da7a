// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostCheck
import HostDevices
import QEMU
import SystemPackage
import TestSupport

/// Whole hosts as `/proc`, `/sys`, `/dev` and `/etc` show them, each of which has all that its purpose
/// needs. What they say of hardware is what such machines say; ids are from i915_pciids.h.
extension SysfsTree {
  var hardware: HostHardware { HostHardware(root: FilePath(root)) }

  func report(
    _ purpose: Purpose, device: String? = nil, live: LiveFacts? = nil, guestMemory: Int = 4096
  ) -> HostReport {
    HostReport(
      of: HostHardware(root: FilePath(root)), for: purpose,
      device: device.flatMap { PCIAddress($0) }, guestMemory: guestMemory, live: live)
  }

  /// An Intel laptop that is ready for GVT-g.
  static func laptop(
    cpu: (name: String, model: Int) = ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", 142),
    gpu: String = "0x5917"
  ) throws -> SysfsTree {
    let tree = try SysfsTree()
    try tree.kernel("6.1.0-18-amd64", "root=/dev/sda1 i915.enable_gvt=1 intel_iommu=on")
    try tree.processor("GenuineIntel", cpu.name, family: 6, model: cpu.model, flag: "vmx")
    try tree.modules([
      "kvm", "kvm_intel", "vfio", "vfio_iommu_type1", "vfio_pci", "i915", "mdev", "kvmgt",
    ])
    try tree.file("/sys/module/i915/parameters/enable_gvt", "Y\n")
    try tree.file("/sys/module/i915/parameters/enable_guc", "0\n")
    try tree.config([
      "KVM", "KVM_INTEL", "VFIO", "VFIO_IOMMU_TYPE1", "VFIO_MDEV", "DRM_I915", "DRM_I915_GVT",
      "DRM_I915_GVT_KVMGT", "INTEL_IOMMU", "VFIO_PCI", "VFIO_PCI_IGD", "VFIO_PCI_VGA",
    ])
    try tree.file("/sys/class/iommu/dmar0/name", "dmar0\n")
    try tree.function("0000:00:00.0", "0x8086:0x5914", "0x060000", driver: nil, group: 1)
    let path = try tree.function(
      "0000:00:02.0", "0x8086:\(gpu)", "0x030000", driver: "i915", group: 0, isBoot: true)
    try tree.bars(path, [16 << 20, 0, 256 << 20, 0, 64, 0])
    try tree.drm(path, 0)
    try tree.file("\(path)/reset_method", "flr\n")
    try tree.link("/sys/class/mdev_bus/0000:00:02.0", to: path)
    let type = "\(path)/mdev_supported_types/i915-GVTg_V5_4"
    try tree.file("\(type)/available_instances", "1\n")
    try tree.file("\(type)/device_api", "vfio-pci\n")
    try tree.rights()
    return tree
  }

  /// An AMD desktop with a discrete GPU for a guest, bound to vfio-pci, and another for the host.
  static func desktop() throws -> SysfsTree {
    let tree = try SysfsTree()
    try tree.kernel("6.12.9", "amd_iommu=on vfio-pci.ids=10de:1c03,10de:10f1")
    try tree.processor(
      "AuthenticAMD", "AMD Ryzen 7 5800X 8-Core Processor", family: 25, model: 33, flag: "svm")
    try tree.modules(["kvm", "kvm_amd", "vfio", "vfio_iommu_type1", "vfio_pci"])
    try tree.config([
      "KVM", "KVM_AMD", "VFIO", "VFIO_IOMMU_TYPE1", "AMD_IOMMU", "VFIO_PCI", "VFIO_PCI_VGA",
    ])
    try tree.file("/sys/class/iommu/ivhd0/name", "ivhd0\n")
    let port = try tree.function(
      "0000:00:03.1", "0x1022:0x1483", "0x060400", driver: "pcieport", group: 10)
    try tree.file("\(port)/config", text: Self.configuration(acs: 0x1d))
    let host = try tree.function(
      "0000:05:00.0", "0x1002:0x699f", "0x030000", driver: "amdgpu", group: 9, isBoot: true)
    try tree.drm(host, 0)
    let card = try tree.function(
      "0000:0a:00.0", "0x10de:0x1c03", "0x030000", driver: "vfio-pci", group: 11, isBoot: false,
      below: "0000:00:03.1")
    try tree.bars(card, [16 << 20, 256 << 20, 0, 32 << 20, 0, 128])
    try tree.file("\(card)/reset_method", "bus\n")
    try tree.function(
      "0000:0a:00.1", "0x10de:0x10f1", "0x040300", driver: "vfio-pci", group: 11,
      below: "0000:00:03.1")
    try tree.file("/dev/vga_arbiter")
    try tree.rights()
    return tree
  }

  func kernel(_ release: String, _ commandLine: String) throws {
    try file("/proc/sys/kernel/osrelease", release + "\n")
    try file("/proc/cmdline", commandLine + "\n")
  }

  func processor(
    _ vendor: String, _ name: String, family: Int, model: Int, flag: String
  ) throws {
    let one = """
      vendor_id\t: \(vendor)
      cpu family\t: \(family)
      model\t\t: \(model)
      model name\t: \(name)
      flags\t\t: fpu \(flag) sse2
      """
    try file("/proc/cpuinfo", "processor\t: 0\n\(one)\n\nprocessor\t: 1\n\(one)\n\n")
  }

  func modules(_ names: [String]) throws {
    try file("/proc/modules", names.map { "\($0) 4096 0 - Live 0x0\n" }.joined())
    try folder("/sys/module/i915/parameters")
    for name in names { try folder("/sys/module/\(name)/parameters") }
    if !names.contains("i915") { try remove("/sys/module/i915") }
    if names.contains("kvm") { try file("/sys/module/kvm/parameters/ignore_msrs", "Y\n") }
  }

  func config(_ options: [String]) throws {
    let release = HostReport.release(of: self)
    try file(
      "/boot/config-\(release)",
      "# comment\n# CONFIG_TRIM_UNUSED_KSYMS is not set\n"
        + options.map { "CONFIG_\($0)=m\n" }.joined())
  }

  @discardableResult
  func function(
    _ address: String, _ id: String, _ classCode: String, driver: String?, group: Int?,
    isBoot: Bool? = nil, below bridge: String? = nil
  ) throws -> String {
    let path = "/sys/devices/pci0000:00/" + (bridge.map { "\($0)/" } ?? "") + address
    let ids = id.split(separator: ":")
    try link("/sys/bus/pci/devices/\(address)", to: path)
    try file("\(path)/vendor", "\(ids[0])\n")
    try file("\(path)/device", "\(ids[1])\n")
    try file("\(path)/class", classCode + "\n")
    try link("\(path)/subsystem", to: "/sys/bus/pci")
    if let isBoot { try file("\(path)/boot_vga", isBoot ? "1\n" : "0\n") }
    if let driver {
      try folder("/sys/bus/pci/drivers/\(driver)")
      try link("\(path)/driver", to: "/sys/bus/pci/drivers/\(driver)")
    }
    if let group {
      try file("/sys/kernel/iommu_groups/\(group)/type", "DMA-FQ\n")
      try link("/sys/kernel/iommu_groups/\(group)/devices/\(address)", to: path)
      try link("\(path)/iommu_group", to: "/sys/kernel/iommu_groups/\(group)")
    }
    return path
  }

  func bars(_ path: String, _ sizes: [UInt64]) throws {
    let lines = sizes.enumerated().map { index, size in
      let start = UInt64(index + 1) << 36
      let range = size == 0 ? (0, 0) : (start, start + size - 1)
      return "0x\(String(range.0, radix: 16)) 0x\(String(range.1, radix: 16)) 0x0\n"
    }
    try file("\(path)/resource", lines.joined())
  }

  func drm(_ path: String, _ minor: Int) throws {
    try folder("\(path)/drm/card\(minor)")
    try folder("\(path)/drm/renderD\(128 + minor)")
  }

  /// What a user of group kvm may do.
  func rights() throws {
    for node in ["/dev/kvm", "/dev/vfio/vfio", "/dev/iommu"] { try file(node) }
    try file(
      "/etc/udev/rules.d/70-vgpu.rules", #"SUBSYSTEM=="vfio", GROUP="kvm", MODE="0660""# + "\n")
    try file(
      "/proc/self/limits",
      """
      Limit                     Soft Limit           Hard Limit           Units
      Max locked memory         unlimited            unlimited            bytes

      """)
    try file("/proc/self/status", "Name:\tvgpu\nUid:\t1000\t1000\t1000\t1000\n")
    try file("/proc/sys/kernel/yama/ptrace_scope", "0\n")
    try file("/usr/share/OVMF/OVMF_CODE_4M.fd")
  }

  /// A bridge's configuration space with one extended capability before ACS.
  static func configuration(acs control: UInt8) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    bytes.replaceSubrange(0x100..<0x104, with: [0x01, 0x00, 0x01, 0x14])
    bytes.replaceSubrange(0x140..<0x148, with: [0x0d, 0x00, 0x01, 0x00, 0x1f, 0x00, control, 0x00])
    return bytes
  }

  func file(_ path: String, text bytes: [UInt8]) throws { try file(path, bytes: .init(bytes)) }
}

extension HostReport {
  fileprivate static func release(of tree: SysfsTree) -> String {
    HostHardware(root: FilePath(tree.root)).sysfs.text("/proc/sys/kernel/osrelease") ?? ""
  }
}

extension LiveFacts {
  /// What a good host answers; a test changes what it is about.
  static func good(
    qemu: Result<QEMUProgram, QEMUError> = .success(
      QEMUProgram(
        path: "/usr/bin/qemu-system-x86_64", version: "QEMU emulator version 10.0.2 (Debian)",
        takesDescriptors: true, hasDBusDisplay: true, virtioGPUs: [.plain, .gl])),
    isSoftware: Bool = false, importsDMABufs: Bool = true, importsModifiers: Bool = true,
    sharesPictures: Bool = true,
    refusal: String? = nil, forbidden: String? = nil,
    environment: [String: String] = ["WAYLAND_DISPLAY": "wayland-0"]
  ) -> LiveFacts {
    LiveFacts(
      qemu: qemu,
      graphics: { node in
        if let refusal { return .failure(GraphicsRefusal(refusal)) }
        var graphics = Graphics(
          renderer: "Mesa on \(node ?? "nothing")", isSoftware: isSoftware,
          importsDMABufs: importsDMABufs, importsModifiers: importsModifiers)
        graphics.sharesPictures = sharesPictures
        return .success(graphics)
      },
      mayUse: { $0 != forbidden }, environment: environment)
  }
}
