// SPDX-License-Identifier: Apache-2.0

import Attachment
import Foundation
import HostDevices
import Libvirt
import SystemPackage
import TestSupport
import Testing
import VGPUDisplay

@testable import Guests

/// Guests that are named by a PCI function.
@Suite struct FunctionGuestTests {
  /// An Intel GPU with two virtual functions, of which the first one is for guests, and a virtual function
  /// of NVIDIA's without a type.
  private func host(_ tree: SysfsTree) throws -> HostHardware {
    func add(_ address: String, _ vendor: String, driver: String, physical: String?) throws {
      let path = "/sys/devices/pci0000:00/\(address)"
      try tree.link("/sys/bus/pci/devices/\(address)", to: path)
      try tree.file("\(path)/vendor", "\(vendor)\n")
      try tree.file("\(path)/device", "0xe212\n")
      try tree.file("\(path)/class", "0x030000\n")
      try tree.folder("/sys/bus/pci/drivers/\(driver)")
      try tree.link("\(path)/driver", to: "/sys/bus/pci/drivers/\(driver)")
      if let physical { try tree.link("\(path)/physfn", to: "/sys/devices/pci0000:00/\(physical)") }
    }
    try add("0000:03:00.0", "0x8086", driver: "xe", physical: nil)
    try add("0000:03:00.1", "0x8086", driver: "vfio-pci", physical: "0000:03:00.0")
    try add("0000:03:00.2", "0x8086", driver: "xe", physical: "0000:03:00.0")
    try add("0000:41:00.0", "0x10de", driver: "nvidia", physical: nil)
    try add("0000:41:00.4", "0x10de", driver: "nvidia", physical: "0000:41:00.0")
    try tree.file("/sys/devices/pci0000:00/0000:41:00.4/nvidia/current_vgpu_type", "0\n")
    try tree.folder("/sys/devices/pci0000:00/0000:41:00.4/vfio-dev/vfio0")
    return HostHardware(root: FilePath(tree.root))
  }

  @Test(arguments: [
    ("09:00.0", "no such PCI function"), ("03:00.0", "driver xe has it for the host"),
    ("03:00.2", "vgpu pci bind 0000:03:00.2 vfio-pci"), ("41:00.4", "vgpu create"),
  ])
  func functionThatIsNoVGPUSaysWhatToDo(address: String, hint: String) throws {
    let tree = try SysfsTree()
    let guest = Guest(try #require(Target(address)), host: try host(tree))
    let error = #expect(throws: AttachmentError.self) { try guest.look() }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("pci:0000:\(address): ") && text.contains(hint), "\(text)")
    #expect(!text.contains("\n"))
    // It may become one.
    let screen = try guest.open(waiting: true).screen
    guard case .noPicture(.waiting(let message)) = screen.poll() else {
      Issue.record("\(screen.poll())")
      return
    }
    #expect(message == "Waiting for the vGPU 0000:\(address) to be created.")
  }

  @Test func functionWithoutAGuest() throws {
    let tree = try SysfsTree()
    let facts = try Guest(try #require(Target("pci:03:00.1")), host: try host(tree)).look()
    #expect(facts.kind == .vGPU)
    #expect(facts.pciVGPUs.map { "\($0.address) \($0.kind)" } == ["0000:03:00.1 sriov"])
    #expect(facts.vGPUs.isEmpty && facts.chosen.isEmpty)
    #expect(facts.why(.screen).first == "vfio: device")
    #expect(
      facts.reasons(.screen).first?.contains("no process that you may look into uses it") == true)
  }

  /// What vfio-pci has shows nothing, and QEMU's display beside it is no worse than the best.
  @Test func displayBesideAFunctionIsChosen() throws {
    let address = try #require(PCIAddress("03:00.1"))
    var facts = GuestFacts(.pci(address))
    facts.isLookedAt = true
    facts.device = .failure(.function(address, .noDisplay(driver: "vfio-pci")))
    facts.domain = GuestFacts.Domain(
      name: "win11", uuid: "11111111-2222-3333-4444-555555555555", uri: "qemu:///system",
      state: .running, devices: [.pci(address)], displayIndex: 0)
    #if GIO
      #expect(facts.chosen[.screen] == "dbus")
      #expect(facts.isShownByQEMU)
    #endif
    #expect(facts.vGPUObstacle == nil)
    let reason = facts.reasons(.screen).first ?? ""
    #expect(reason.contains("driver vfio-pci shows the host nothing of it"))
    #expect(reason.contains("-display dbus,p2p=yes") && !reason.contains("\n"))
  }
}
