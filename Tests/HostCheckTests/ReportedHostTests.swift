// SPDX-License-Identifier: Apache-2.0

import HostCheck
import HostDevices
import TestSupport
import Testing

/// What hosts of public reports are told.
@Suite struct ReportedHostTests {
  private func finding(
    _ id: String, _ tree: SysfsTree, _ purpose: Purpose = .gvtG
  ) throws -> Finding {
    try #require(tree.report(purpose).findings.first { $0.id == id })
  }

  @Test func aGenerationNeedsItsKernel() throws {
    let tree = try SysfsTree.coffeeLakeBefore51()
    for id in ["kernel", "enable-gvt"] {
      let finding = try finding(id, tree)
      #expect(finding.result == .fail)
      #expect(finding.found.contains("Coffee Lake") && finding.found.contains("5.1"), "\(id)")
      #expect(finding.remedy == "install a kernel of 5.1 or newer" && finding.fix.isEmpty)
    }
    // A distribution's older kernel with a newer i915 shows what it can.
    try tree.release("4.18.0-553.el8")
    try tree.file("/sys/module/i915/parameters/enable_gvt", "Y\n")
    try tree.link("/sys/class/mdev_bus/0000:00:02.0", to: "/sys/devices/pci0000:00/0000:00:02.0")
    #expect(try finding("kernel", tree).result == .warn)
    #expect(try finding("enable-gvt", tree).result == .ok)
  }

  @Test(
    arguments: [
      ("0x0a84", "4.18.0", CheckResult.fail), ("0x5a84", "4.19.0", .warn),
      ("0x5917", "4.16.0", .warn), ("0x87ca", "5.0.21", .fail), ("0x87ca", "5.1.0", .warn),
      ("0x87c0", "4.19.0", .warn), ("0x9bc5", "5.1.21", .fail), ("0x9bc5", "5.6.0", .ok),
    ])
  func generations(gpu: String, release: String, result: CheckResult) throws {
    let tree = try SysfsTree.laptop(gpu: gpu)
    try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
    try tree.release(release)
    #expect(try finding("kernel", tree).result == result)
  }

  @Test func gucSubmissionIsNoneBeforeGeneration11() throws {
    let tree = try SysfsTree.kabyLakeWithGuC()
    let report = tree.report(.gvtG)
    #expect(report.isGood)
    #expect(try finding("guc", tree).result == .warn)
    // Linux 5.3 and older refused GVT-g for it.
    try tree.release("5.3.18")
    #expect(try finding("guc", tree).result == .warn, "types are offered, whatever its number")
    try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
    #expect(try finding("guc", tree).result == .fail)
    try tree.release("5.4.0")
    #expect(try finding("guc", tree).result == .warn)
  }

  @Test func anotherDriversVGPUs() throws {
    let tree = try SysfsTree.nvidiaServer()
    let report = tree.report(.gvtG)
    #expect(report.isGood, "\(report.text())")
    #expect(report.device?.description == "0000:3b:00.0")
    #expect(try finding("mdev-types", tree).found.hasPrefix("4: nvidia-256"))
    #expect(try finding("instances", tree).found.hasPrefix("23 of nvidia-256"))
    for id in ["cpu", "enable-gvt", "guc", "initramfs", "aperture"] {
      let finding = try finding(id, tree)
      #expect(finding.result == .notApplicable && finding.remedy == nil, "\(id)")
    }
    // One that is asked about the card that has none is told of i915.
    #expect(!tree.report(.gvtG, device: "0000:03:00.0").isGood)
    // An Intel GPU that offers them is the first choice.
    let both = try SysfsTree.laptop()
    let card = try both.function(
      "0000:3b:00.0", "0x10de:0x1e30", "0x030000", driver: "nvidia", group: 40, isBoot: false)
    try both.link("/sys/class/mdev_bus/0000:3b:00.0", to: card)
    try both.file("\(card)/mdev_supported_types/nvidia-256/device_api", "vfio-pci\n")
    #expect(both.report(.gvtG).device?.description == "0000:00:02.0")
    #expect(try finding("enable-gvt", both).result == .ok)
    #expect(both.report(.gvtG, device: "0000:3b:00.0").isGood)
  }

  @Test func typesWithoutAScreenAreNone() throws {
    let tree = try SysfsTree.mainframe()
    let types = try finding("mdev-types", tree)
    #expect(types.result == .fail && types.found.contains("vfio_ap-passthrough (vfio-ap)"))
    #expect(try finding("instances", tree).result == .notApplicable)
    #expect(try finding("ignore-msrs", tree).result == .notApplicable)
    for purpose in Purpose.allCases {
      let text = tree.report(purpose).text()
      #expect(!text.contains("65536") && !text.contains("INTEL") && !text.contains("kvm_intel"))
    }
  }

  @Test func uefiWhereProxmoxHasIt() throws {
    let tree = try SysfsTree.proxmox()
    let firmware = try finding("firmware", tree, .gpu)
    #expect(firmware.result == .ok)
    #expect(firmware.found == "UEFI: /usr/share/pve-edk2-firmware/OVMF_CODE_4M.fd")
    try tree.remove("/usr/share/pve-edk2-firmware")
    try tree.folder("/etc/pve")
    #expect(try finding("firmware", tree, .gpu).remedy == "apt install pve-edk2-firmware-ovmf")
  }

  @Test(
    arguments: [
      ("ID=ubuntu\nID_LIKE=debian\n", "apt install ovmf"),
      ("ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf install edk2-ovmf"),
      (
        "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n", "zypper install qemu-ovmf-x86_64"
      ),
      ("ID=endeavouros\nID_LIKE='arch'\n", "pacman -S edk2-ovmf"),
      ("ID=alpine\n", "apk add ovmf"), ("ID=gentoo\n", "emerge sys-firmware/edk2-bin"),
      (
        "ID=slackware\n",
        "install your distribution's UEFI for guests (Debian: apt install ovmf)"
      ),
    ])
  func packagesHaveTheirDistributionsNames(release: String, remedy: String) throws {
    let tree = try SysfsTree.desktop()
    try tree.remove("/usr/share/OVMF")
    try tree.file("/usr/lib/os-release", release)
    #expect(try finding("firmware", tree, .gpu).remedy == remedy)
  }
}
