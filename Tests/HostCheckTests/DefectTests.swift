// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostCheck
import QEMU
import TestSupport
import Testing

/// One thing wrong with a good host: exactly the checks that are about it change.
@Suite struct DefectTests {
  struct Defect: CustomTestStringConvertible, Sendable {
    let name: String
    let changes: [String: CheckResult]
    let live: LiveFacts
    let spoil: @Sendable (SysfsTree) throws -> Void

    init(
      _ name: String, _ changes: [String: CheckResult], live: LiveFacts = .good(),
      _ spoil: @escaping @Sendable (SysfsTree) throws -> Void = { _ in }
    ) {
      self.name = name
      self.changes = changes
      self.live = live
      self.spoil = spoil
    }

    var testDescription: String { name }
  }

  private func check(_ tree: SysfsTree, _ purpose: Purpose, _ defect: Defect) throws {
    let before = tree.report(purpose, live: .good())
    try defect.spoil(tree)
    let after = tree.report(purpose, live: defect.live)
    var changes: [String: CheckResult] = [:]
    for (old, new) in zip(before.findings, after.findings) where old.result != new.result {
      changes[new.id] = new.result
    }
    #expect(changes == defect.changes)
    for finding in after.findings {
      let isOpen = finding.result == .fail || finding.result == .warn
      #expect(isOpen == (finding.remedy != nil), "\(finding.id)")
      #expect(isOpen || finding.fix.isEmpty)
      #expect(!finding.found.isEmpty && !finding.why.isEmpty && !finding.documentation.isEmpty)
    }
    #expect(after.isGood == !after.findings.contains { $0.result == .fail })
  }

  private static let i915 = "/sys/module/i915/parameters"
  private static let gpu = "/sys/devices/pci0000:00/0000:00:02.0"
  private static let type = "\(gpu)/mdev_supported_types/i915-GVTg_V5_4"

  private static func replace(_ tree: SysfsTree, _ path: String, _ old: String, _ new: String)
    throws
  {
    let text = try String(contentsOfFile: tree.location(path), encoding: .utf8)
    try #require(text.contains(old))
    try tree.file(path, text.replacingOccurrences(of: old, with: new))
  }

  private static func unlink(_ tree: SysfsTree, _ path: String) throws { try tree.remove(path) }

  static let gvt: [Defect] = [
    Defect("nothing", [:]),
    Defect("AMD", ["cpu": .fail, "config": .fail, "modules": .fail]) {
      try $0.processor("AuthenticAMD", "AMD Ryzen", family: 25, model: 33, flag: "svm")
    },
    Defect("Haswell", ["cpu": .fail]) {
      try $0.processor("GenuineIntel", "Haswell", family: 6, model: 60, flag: "vmx")
    },
    Defect("Ice Lake", ["cpu": .fail]) {
      try $0.processor("GenuineIntel", "Ice Lake", family: 6, model: 126, flag: "vmx")
    },
    Defect("no VT-x", ["virtualization": .fail]) {
      try replace($0, "/proc/cpuinfo", " vmx ", " ")
    },
    Defect("a GPU of Ice Lake", ["gpu": .fail]) { try $0.file("\(gpu)/device", "0x8a52\n") },
    Defect("a GPU of Haswell", ["gpu": .fail]) { try $0.file("\(gpu)/device", "0x0416\n") },
    Defect("an old kernel", ["kernel": .fail, "config": .notApplicable, "ksyms": .notApplicable]) {
      try $0.file("/proc/sys/kernel/osrelease", "4.9.0\n")
    },
    Defect("no pidfd_getfd", ["kernel": .warn, "config": .notApplicable, "ksyms": .notApplicable]) {
      try $0.file("/proc/sys/kernel/osrelease", "5.4.0-100-generic\n")
    },
    Defect("no KVMGT option", ["config": .fail]) {
      try replace($0, "/boot/config-6.1.0-18-amd64", "CONFIG_DRM_I915_GVT_KVMGT=m\n", "")
    },
    Defect("trimmed symbols", ["ksyms": .warn]) {
      try replace(
        $0, "/boot/config-6.1.0-18-amd64", "# CONFIG_TRIM_UNUSED_KSYMS is not set",
        "CONFIG_TRIM_UNUSED_KSYMS=y")
    },
    Defect("no config", ["config": .notApplicable, "ksyms": .notApplicable]) {
      try unlink($0, "/boot/config-6.1.0-18-amd64")
    },
    Defect("no kvmgt", ["modules": .fail]) {
      try replace($0, "/proc/modules", "kvmgt 4096 0 - Live 0x0\n", "")
      try unlink($0, "/sys/module/kvmgt")
    },
    Defect("no type 1, but iommufd", [:]) {
      try replace($0, "/proc/modules", "vfio_iommu_type1 ", "iommufd ")
      try unlink($0, "/sys/module/vfio_iommu_type1")
    },
    Defect("neither", ["modules": .fail]) {
      try replace($0, "/proc/modules", "vfio_iommu_type1 ", "other ")
      try unlink($0, "/sys/module/vfio_iommu_type1")
    },
    Defect("enable_gvt off", ["enable-gvt": .fail]) { try $0.file("\(i915)/enable_gvt", "N\n") },
    Defect("i915 without GVT-g", ["enable-gvt": .fail]) { try unlink($0, "\(i915)/enable_gvt") },
    Defect("enable_gvt unreadable, but told", [:]) {
      try unlink($0, "\(i915)/enable_gvt")
      try $0.folder("\(i915)/enable_gvt")
    },
    Defect("enable_gvt told in modprobe.d", [:]) {
      try unlink($0, "\(i915)/enable_gvt")
      try $0.folder("\(i915)/enable_gvt")
      try replace($0, "/proc/cmdline", "i915.enable_gvt=1", "quiet")
      try $0.file("/etc/modprobe.d/gvt.conf", "# options i915 x\noptions i915 enable_gvt=1\n")
    },
    Defect("enable_gvt told to nobody", ["enable-gvt": .fail]) {
      try unlink($0, "\(i915)/enable_gvt")
      try $0.folder("\(i915)/enable_gvt")
      try replace($0, "/proc/cmdline", "i915.enable_gvt=1", "quiet")
    },
    Defect("GuC submits", ["guc": .warn]) { try $0.file("\(i915)/enable_guc", "3\n") },
    Defect(
      "GuC submits, on Linux 5.3",
      [
        "kernel": .warn, "guc": .fail, "mdev-types": .fail, "instances": .notApplicable,
      ]
    ) {
      try $0.release("5.3.18")
      try $0.file("\(i915)/enable_guc", "3\n")
      try unlink($0, "/sys/class/mdev_bus/0000:00:02.0")
    },
    Defect("GuC for HuC", ["guc": .warn]) { try $0.file("\(i915)/enable_guc", "2\n") },
    Defect("GuC by default", [:]) { try $0.file("\(i915)/enable_guc", "-1\n") },
    Defect("i915 early, with its option", [:]) {
      try $0.file("/etc/initramfs-tools/modules", "i915\n")
    },
    Defect("i915 early, without", ["initramfs": .warn, "enable-gvt": .fail]) {
      try $0.file("/etc/initramfs-tools/modules", "# vfio\ni915\n")
      try $0.file("\(i915)/enable_gvt", "N\n")
    },
    Defect("mkinitcpio", ["initramfs": .warn, "enable-gvt": .fail]) {
      try $0.file("/etc/mkinitcpio.conf", "# MODULES=(x)\nMODULES=(ext4 i915)\n")
      try $0.file("\(i915)/enable_gvt", "N\n")
    },
    Defect("dracut", ["initramfs": .warn, "enable-gvt": .fail]) {
      try $0.file("/etc/dracut.conf.d/a.conf", "force_drivers+=\" i915 \"\n")
      try $0.file("\(i915)/enable_gvt", "N\n")
    },
    Defect("ignore_msrs off", ["ignore-msrs": .warn]) {
      try $0.file("/sys/module/kvm/parameters/ignore_msrs", "N\n")
    },
    Defect("no IOMMU", ["iommu": .warn]) { try unlink($0, "/sys/class/iommu/dmar0") },
    Defect("no types", ["mdev-types": .fail, "instances": .notApplicable]) {
      try unlink($0, "/sys/class/mdev_bus/0000:00:02.0")
    },
    Defect("no instance", ["instances": .fail]) {
      try $0.file("\(type)/available_instances", "0\n")
    },
    Defect("a small aperture", ["aperture": .warn]) { try $0.bars(gpu, [0, 0, 128 << 20]) },
    Defect("half a resource file", ["aperture": .notApplicable]) {
      try $0.file("\(gpu)/resource", "0x0 0xffffffffffffffff 0x0\n0x12\nx y\n")
    },
    Defect("another GPU with the screen", ["two-gpus": .warn]) {
      let other = try $0.function(
        "0000:01:00.0", "0x10de:0x1c8d", "0x030000", driver: "nouveau", group: 2, isBoot: true)
      try $0.drm(other, 1)
      try $0.file("\(gpu)/boot_vga", "0\n")
    },
    Defect("another GPU without", ["two-gpus": .ok]) {
      let other = try $0.function(
        "0000:01:00.0", "0x10de:0x1c8d", "0x030000", driver: "nouveau", group: 2, isBoot: false)
      try $0.drm(other, 1)
    },
    Defect("no /dev/kvm", ["dev-kvm": .fail]) { try unlink($0, "/dev/kvm") },
    Defect("not mine", ["dev-kvm": .fail], live: .good(forbidden: "/dev/kvm")),
    Defect("no /dev/vfio", ["dev-vfio": .fail]) { try unlink($0, "/dev/vfio/vfio") },
    Defect("a group that is not mine", ["dev-vfio": .fail], live: .good(forbidden: "/dev/vfio/3")) {
      try $0.file("/dev/vfio/3")
    },
    Defect(
      "a device that is not mine", ["dev-vfio": .fail],
      live: .good(forbidden: "/dev/vfio/devices/vfio0")
    ) {
      try $0.file("/dev/vfio/devices/vfio0")
    },
    Defect("no iommufd", ["dev-iommu": .notApplicable]) { try unlink($0, "/dev/iommu") },
    Defect(
      "an iommufd that is not mine", ["dev-iommu": .warn], live: .good(forbidden: "/dev/iommu")),
    Defect("no udev rule", ["udev": .warn]) { try unlink($0, "/etc/udev/rules.d/70-vgpu.rules") },
    Defect("a rule that is hidden", ["udev": .warn]) {
      try $0.file(
        "/usr/lib/udev/rules.d/70-vgpu.rules", "SUBSYSTEM==\"vfio\", MODE=\"0660\"\n")
      try $0.file("/etc/udev/rules.d/70-vgpu.rules", "")
    },
    Defect("a rule over two lines, below /usr/local", [:]) {
      try unlink($0, "/etc/udev/rules.d/70-vgpu.rules")
      try $0.file(
        "/usr/local/lib/udev/rules.d/9.rules", "SUBSYSTEM==\"vfio\", \\\n GROUP=\"vfio\"\n")
    },
    Defect("a comment for a rule", ["udev": .warn]) {
      try $0.file("/etc/udev/rules.d/70-vgpu.rules", "#SUBSYSTEM==\"vfio\", MODE=\"0666\"\n")
    },
    Defect("little to lock", ["memlock": .warn]) {
      try replace($0, "/proc/self/limits", "unlimited            unlimited", "8388608  8388608")
    },
    Defect("ptrace scope", ["ptrace": .warn]) {
      try $0.file("/proc/sys/kernel/yama/ptrace_scope", "1\n")
    },
    Defect("no ptrace at all", ["ptrace": .fail]) {
      try $0.file("/proc/sys/kernel/yama/ptrace_scope", "3\n")
    },
    Defect("root", ["udev": .notApplicable]) {
      try $0.file("/proc/self/status", "Uid:\t0\t0\t0\t0\n")
      try $0.file("/proc/sys/kernel/yama/ptrace_scope", "1\n")
      try unlink($0, "/etc/udev/rules.d/70-vgpu.rules")
      try replace($0, "/proc/self/limits", "unlimited            unlimited", "8388608  8388608")
    },
    Defect("no QEMU", ["qemu": .fail], live: .good(qemu: .failure(.notInstalled("qemu")))),
    Defect(
      "an old QEMU", ["qemu": .fail],
      live: .good(
        qemu: .success(
          QEMUProgram(path: "/q", version: "QEMU emulator version 2.11.1", takesDescriptors: false))
      )),
    Defect("no EGL", ["egl": .fail], live: .good(refusal: "eglInitialize failed")),
    Defect("no import", ["egl": .warn], live: .good(importsDMABufs: false)),
    Defect("no modifiers", ["egl": .warn], live: .good(importsModifiers: false)),
    Defect("software", ["egl": .warn], live: .good(isSoftware: true)),
    Defect("X11", [:], live: .good(environment: ["DISPLAY": ":0"])),
    Defect("no session", ["session": .warn], live: .good(environment: [:])),
  ]

  @Test(arguments: gvt) func gvtLaptop(defect: Defect) throws {
    try check(try .laptop(), .gvtG, defect)
  }

  private static let card = "/sys/devices/pci0000:00/0000:00:03.1/0000:0a:00.0"
  private static let port = "/sys/devices/pci0000:00/0000:00:03.1"

  static let passthrough: [Defect] = [
    Defect("nothing", [:]),
    Defect("no SVM", ["virtualization": .fail]) { try replace($0, "/proc/cpuinfo", " svm ", " ") },
    Defect("no IOMMU", ["iommu": .fail]) { try unlink($0, "/sys/class/iommu/ivhd0") },
    Defect("no groups", ["iommu-groups": .fail]) { tree in
      for group in [9, 10, 11] { try unlink(tree, "/sys/kernel/iommu_groups/\(group)/devices") }
    },
    Defect("no VFIO_PCI", ["config": .fail]) {
      try replace($0, "/boot/config-6.12.9", "CONFIG_VFIO_PCI=m\n", "")
    },
    Defect("no vfio_pci", ["modules": .fail]) {
      try replace($0, "/proc/modules", "vfio_pci ", "other ")
      try unlink($0, "/sys/module/vfio_pci")
    },
    Defect("a neighbour", ["isolation": .fail]) {
      try $0.function(
        "0000:09:00.0", "0x1022:0x43d5", "0x0c0330", driver: "xhci_hcd", group: 11)
    },
    Defect("a neighbour without a driver", [:]) {
      try $0.function("0000:09:00.0", "0x1022:0x43d5", "0x0c0330", driver: nil, group: 11)
    },
    Defect("a bridge in the group", [:]) {
      try $0.function(
        "0000:09:00.0", "0x1022:0x1483", "0x060400", driver: "pcieport", group: 11)
    },
    Defect("ACS overridden", ["acs": .warn]) {
      try $0.file(
        "/proc/cmdline", "amd_iommu=on pcie_acs_override=downstream vfio-pci.ids=10de:1c03\n")
    },
    Defect("no ACS", ["acs": .warn]) {
      try $0.file("\(port)/config", text: SysfsTree.configuration(acs: 0x01))
    },
    Defect("ACS unknown", ["acs": .notApplicable]) {
      try $0.file("\(port)/config", text: [UInt8](repeating: 0, count: 64))
    },
    Defect("capabilities in a circle", ["acs": .warn]) {
      var bytes = [UInt8](repeating: 0, count: 4096)
      bytes.replaceSubrange(0x100..<0x104, with: [0x01, 0x00, 0x01, 0x10])
      try $0.file("\(port)/config", text: bytes)
    },
    Defect("the boot display", ["boot-vga": .warn, "vga-arbiter": .notApplicable]) {
      try unlink($0, "/sys/bus/pci/devices/0000:05:00.0")
      try $0.file("\(card)/boot_vga", "1\n")
    },
    Defect("no arbiter", ["vga-arbiter": .warn]) { try unlink($0, "/dev/vga_arbiter") },
    Defect("a host's driver", ["driver": .warn]) {
      try unlink($0, "\(card)/driver")
      try $0.link("\(card)/driver", to: "/sys/bus/pci/drivers/nouveau")
      try $0.folder("/sys/bus/pci/drivers/nouveau")
    },
    Defect("no ids", ["vfio-ids": .warn]) { try $0.file("/proc/cmdline", "quiet\n") },
    Defect("ids in modprobe.d", [:]) {
      try $0.file("/proc/cmdline", "quiet\n")
      try $0.file("/etc/modprobe.d/vfio.conf", "options vfio_pci ids=10DE:1C03,10de:10f1\n")
    },
    Defect("driverctl", [:]) {
      try $0.file("/proc/cmdline", "quiet\n")
      try $0.file("/etc/driverctl.d/pci-0000:0a:00.0", "vfio-pci\n")
    },
    Defect("twins", ["vfio-ids": .warn]) {
      try $0.function(
        "0000:0b:00.0", "0x10de:0x1c03", "0x030000", driver: nil, group: 12, isBoot: false)
    },
    Defect("no reset", ["reset": .warn]) { try unlink($0, "\(card)/reset_method") },
    Defect("an older kernel's reset", [:]) {
      try unlink($0, "\(card)/reset_method")
      try $0.file("\(card)/reset")
    },
    Defect("a big BAR", ["bar": .warn]) { try $0.bars(card, [0, 32 << 30]) },
    Defect("no BAR", ["bar": .notApplicable]) { try unlink($0, "\(card)/resource") },
    Defect("little to lock", ["memlock": .fail]) {
      try replace(
        $0, "/proc/self/limits", "unlimited            unlimited", "4294967296  4294967296")
    },
    Defect("no UEFI", ["firmware": .fail]) { try unlink($0, "/usr/share/OVMF") },
    Defect("the driver early", [:]) { try $0.file("/etc/initramfs-tools/modules", "nouveau\n") },
  ]

  @Test(arguments: passthrough) func amdDesktop(defect: Defect) throws {
    try check(try .desktop(), .gpu, defect)
  }

  static let igd: [Defect] = [
    Defect("nothing", [:]),
    Defect("left out of the IOMMU", ["iommu": .fail]) {
      try $0.file("/proc/cmdline", "intel_iommu=on,igfx_off\n")
    },
    Defect("no VFIO_PCI_IGD", ["config": .fail]) {
      try replace($0, "/boot/config-6.1.0-18-amd64", "CONFIG_VFIO_PCI_IGD=m\n", "")
    },
    Defect("a new GPU", ["igd": .warn]) { try $0.file("\(gpu)/device", "0x46a6\n") },
    Defect("not the boot display", ["boot-vga": .ok]) { try $0.file("\(gpu)/boot_vga", "0\n") },
  ]

  @Test(arguments: igd) func wholeIntelGPU(defect: Defect) throws {
    try check(try .laptop(), .igd, defect)
  }

  private static func qemu(
    _ display: Bool, _ gpus: Set<QEMUProgram.VirtioGPU>
  ) -> Result<QEMUProgram, QEMUError> {
    .success(
      QEMUProgram(
        path: "/q", version: "QEMU emulator version 10.0.2", takesDescriptors: true,
        hasDBusDisplay: display, virtioGPUs: gpus))
  }

  static let virtio: [Defect] = [
    Defect("nothing", [:]),
    Defect("no VT-x", ["virtualization": .fail]) { try replace($0, "/proc/cpuinfo", " vmx ", " ") },
    Defect("no right to KVM", ["dev-kvm": .fail], live: .good(forbidden: "/dev/kvm")),
    Defect(
      "no QEMU",
      ["qemu": .fail, "qemu-display": .notApplicable, "virtio-gl": .notApplicable],
      live: .good(qemu: .failure(.notInstalled("qemu")))),
    Defect("no display", ["qemu-display": .fail], live: .good(qemu: qemu(false, [.plain, .gl]))),
    Defect(
      "no GPU", ["qemu-display": .fail, "virtio-gl": .warn], live: .good(qemu: qemu(true, []))),
    Defect("no OpenGL", ["virtio-gl": .warn], live: .good(qemu: qemu(true, [.plain]))),
    Defect("no render node", ["virtio-gl": .warn]) { try unlink($0, "/dev/dri/renderD128") },
    Defect(
      "no right to draw", ["virtio-gl": .warn], live: .good(forbidden: "/dev/dri/renderD128")),
    Defect("a driver that refuses", ["virtio-gl": .warn], live: .good(refusal: "eglInitialize")),
    Defect("no sharing", ["virtio-gl": .warn], live: .good(sharesPictures: false)),
    Defect("a CPU draws", ["virtio-gl": .warn], live: .good(isSoftware: true)),
    Defect("no session", ["session": .warn], live: .good(environment: [:])),
  ]

  @Test(arguments: virtio) func virtioLaptop(defect: Defect) throws {
    let tree = try SysfsTree.laptop()
    try tree.file("/dev/dri/renderD128")
    try check(tree, .virtio, defect)
  }

  /// The remedy is a package of the distribution.
  @Test func missingModulesHaveAPackage() throws {
    let tree = try SysfsTree.laptop()
    func remedy(_ id: String, _ live: LiveFacts) -> String? {
      tree.report(.virtio, live: live).findings.first { $0.id == id }?.remedy
    }
    try tree.file("/etc/os-release", "ID=debian\n")
    let bare = LiveFacts.good(qemu: Self.qemu(false, [.plain]))
    #expect(
      remedy("qemu-display", bare)
        == "apt install qemu-system-modules-opengl (Debian 12: qemu-system-common)")
    #expect(
      remedy("virtio-gl", bare)
        == "apt install qemu-system-modules-opengl (Debian 12: qemu-system-gui)")
    try tree.file("/etc/os-release", "ID=arch\n")
    #expect(remedy("qemu-display", bare)?.hasPrefix("pacman -S qemu-ui-dbus ") == true)
  }

  @Test func goodHostsAreGood() throws {
    let virtio = try SysfsTree.laptop()
    try virtio.file("/dev/dri/renderD128")
    let report = virtio.report(.virtio, live: .good())
    #expect(report.isGood && report.count(.warn) == 0 && report.device == nil)
    #expect(report.count(.ok) == report.findings.count)
    let laptop = try SysfsTree.laptop().report(.gvtG, live: .good())
    #expect(laptop.isGood && laptop.count(.warn) == 0 && laptop.count(.ok) > 20)
    let desktop = try SysfsTree.desktop().report(.gpu, live: .good())
    #expect(desktop.isGood && desktop.count(.warn) == 0 && desktop.count(.ok) > 20)
  }

  /// Every check is in some list above with a result that is not ok.
  @Test func everyCheckCanFail() throws {
    let changed = Set(
      (Self.gvt + Self.passthrough + Self.igd + Self.virtio).flatMap { $0.changes.keys })
    let all = try Set(
      SysfsTree.laptop().report(.gvtG, live: .good()).findings.map(\.id)
        + SysfsTree.desktop().report(.gpu, live: .good()).findings.map(\.id)
        + SysfsTree.laptop().report(.igd, live: .good()).findings.map(\.id)
        + SysfsTree.laptop().report(.virtio, live: .good()).findings.map(\.id))
    #expect(all.subtracting(changed).isEmpty)
  }
}
