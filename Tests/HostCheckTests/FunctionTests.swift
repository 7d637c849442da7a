// SPDX-License-Identifier: Apache-2.0

import HostCheck
import HostDevices
import SystemPackage
import TestSupport
import Testing

/// Devices whose functions are devices of their own: what is told of one must not be told of the others.
@Suite struct FunctionTests {
  private func findings(
    _ tree: SysfsTree, _ address: String
  ) throws -> (String) -> Finding? {
    let device: PCIAddress = try #require(PCIAddress(address))
    let report = HostReport(
      of: HostHardware(root: FilePath(tree.root)), for: .gpu, device: device, guestMemory: 4096,
      live: nil)
    return { id in report.findings.first { $0.id == id } }
  }

  /// strongtz/i915-sriov-dkms #303, #333: all have the id of the host's own GPU.
  private func virtualFunctions() throws -> SysfsTree {
    let tree = try SysfsTree.laptop(
      cpu: ("12th Gen Intel(R) Core(TM) i5-12450H", 154), gpu: "0x46a3")
    try tree.kernel("6.14.0-2-pve", "intel_iommu=on i915.enable_guc=3 i915.max_vfs=7")
    for number in 1...7 {
      let path = try tree.function(
        "0000:00:02.\(number)", "0x8086:0x46a3", "0x030000",
        driver: number == 1 ? "vfio-pci" : "i915", group: 17 + number, isBoot: false)
      try tree.link("\(path)/physfn", to: "/sys/devices/pci0000:00/0000:00:02.0")
    }
    return tree
  }

  @Test func aVirtualFunctionIsNeverTakenByIDs() throws {
    let tree = try virtualFunctions()
    let bound = try findings(tree, "00:02.1")
    #expect(bound("isolation")?.found == "group 18: 0000:00:02.1")
    #expect(bound("boot-vga")?.found == "not 0000:00:02.1")
    #expect(bound("driver")?.result == .ok)
    #expect(bound("vga-arbiter")?.found == "1 VGA device")
    for address in ["00:02.1", "00:02.2"] {
      let ids = try #require(try findings(tree, address)("vfio-ids"))
      #expect(ids.result == .warn && ids.found.contains("8086:46a3 would take 0000:00:02.0,"))
      #expect(ids.remedy?.contains("ids=") == false)
      #expect(ids.remedy?.contains("driver_override") == true)
    }
    let free = try findings(tree, "00:02.2")
    #expect(free("driver")?.remedy == "vgpu pci bind 0000:00:02.2 vfio-pci")
    // Ids that are in force take the host's own GPU.
    try tree.kernel("6.14.0-2-pve", "intel_iommu=on vfio-pci.ids=8086:46a3")
    let ids = try #require(try findings(tree, "00:02.1")("vfio-ids"))
    #expect(ids.result == .warn && ids.found.contains("0000:00:02.0"))
  }

  @Test func virtualFunctionsAreNoSecondGPUs() throws {
    let tree = try virtualFunctions()
    for number in 2...7 { try tree.drm("/sys/devices/pci0000:00/0000:00:02.\(number)", number) }
    let report = tree.report(.gvtG)
    #expect(report.device == PCIAddress("00:02.0"))
    #expect(report.findings.first { $0.id == "two-gpus" }?.result == .notApplicable)
  }

  /// Nor is one of two cards of a kind.
  @Test func aTwinIsNotTakenByIDsThatAreAdvised() throws {
    let tree = try SysfsTree.desktop()
    try tree.file("/proc/cmdline", "quiet\n")
    try tree.function(
      "0000:0b:00.0", "0x10de:0x1c03", "0x030000", driver: "nouveau", group: 12, isBoot: false)
    let ids = try #require(try findings(tree, "0a:00.0")("vfio-ids"))
    #expect(ids.result == .warn && ids.found == "none; 10de:1c03 would take 0000:0b:00.0 too")
    #expect(ids.remedy?.contains("ids=") == false)
  }

  /// isc30/ryzen-gpu-passthrough-proxmox #77.
  @Test func theHostsFunctionsInOtherGroupsAreTheHosts() throws {
    let tree = try SysfsTree.desktop()
    try tree.kernel("6.8.12-4-pve", "iommu=pt vfio-pci.ids=1002:1900,1002:1640")
    for (number, (id, classCode, driver)) in [
      ("0x1002:0x1900", "0x030000", "vfio-pci"), ("0x1002:0x1640", "0x040300", "vfio-pci"),
      ("0x1022:0x15c7", "0x108000", "ccp"), ("0x1022:0x15b9", "0x0c0330", "xhci_hcd"),
    ].enumerated() {
      try tree.function(
        "0000:c5:00.\(number)", id, classCode, driver: driver, group: 20 + number)
    }
    let found = try findings(tree, "c5:00.0")
    #expect(found("isolation")?.found == "group 20: 0000:c5:00.0")
    #expect(found("driver")?.result == .ok)
    #expect(found("vfio-ids")?.result == .ok)
  }

  @Test func aVirtualFunctionInItsPhysicalOnesGroup() throws {
    let tree = try SysfsTree.desktop()
    let card = try tree.function(
      "0000:41:00.0", "0x10de:0x2235", "0x030200", driver: "nvidia", group: 40)
    let virtual = try tree.function(
      "0000:41:00.4", "0x10de:0x2235", "0x030200", driver: "nvidia", group: 40)
    try tree.link("\(virtual)/physfn", to: card)
    let found = try #require(try findings(tree, "41:00.4")("isolation"))
    #expect(found.result == .fail && found.remedy?.contains("vgpu pci bind") == false)
  }

  /// A vGPU of NVIDIA's on a virtual function has the driver that it must have.
  @Test func aVirtualGPUKeepsItsDriver() throws {
    let tree = try SysfsTree.desktop()
    let card = try tree.function(
      "0000:41:00.0", "0x10de:0x2235", "0x030200", driver: "nvidia", group: 40)
    let virtual = try tree.function(
      "0000:41:00.4", "0x10de:0x2235", "0x030200", driver: "nvidia", group: 44)
    try tree.link("\(virtual)/physfn", to: card)
    try tree.folder("\(virtual)/vfio-dev/vfio0")
    let found = try findings(tree, "41:00.4")
    for id in ["isolation", "driver", "vfio-ids"] { #expect(found(id)?.result == .ok, "\(id)") }
  }
}
