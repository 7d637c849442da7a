// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import HostDevices

/// What belongs to a PCI function and what does not, whatever number they share.
@Suite struct FunctionTests {
  private func address(_ text: String) throws -> PCIAddress { try #require(PCIAddress(text)) }

  private func bindings(_ tree: SysfsTree, _ kernel: MdevKernel? = nil) -> PCIBindings {
    PCIBindings(
      host: HostHardware(root: FilePath(tree.root), kernel: kernel ?? PCIKernel.make(tree)),
      timeout: .milliseconds(20))
  }

  private func drivers(_ tree: SysfsTree) throws -> [String?] {
    try tree.host.pciFunctions().map(\.driver)
  }

  @Test func aVirtualFunctionIsOne() throws {
    let tree = try SysfsTree.virtualFunctions()
    let functions = try tree.host.pciFunctions()
    #expect(functions.map(\.isVirtual) == [false] + Array(repeating: true, count: 7))
    #expect(Set(functions.dropFirst().map(\.physicalFunction)) == [try address("00:02.0")])
    for function in functions {
      for other in functions {
        #expect(!function.goes(with: other) && !function.isPart(ofCard: other))
      }
    }
  }

  @Test func aVirtualFunctionGoesAlone() throws {
    let tree = try SysfsTree.virtualFunctions()
    let second = try address("00:02.2")
    let before = try drivers(tree)
    let kernel = PCIKernel.make(tree)
    #expect(
      try bindings(tree, kernel).bind([second], to: "vfio-pci") == [
        PCIBinding(address: second, before: "i915", after: "vfio-pci")
      ])
    #expect(kernel.writes.allSatisfy { $0.contains("\(second)") })
    _ = try bindings(tree).restore()
    #expect(try drivers(tree) == before)
  }

  @Test func whatHasVirtualFunctionsIsInUse() throws {
    let tree = try SysfsTree.virtualFunctions()
    let graphics = try address("00:02.0")
    try tree.file("/sys/bus/pci/devices/\(graphics)/boot_vga", "0\n")
    let virtual = try (1...7).map { try address("00:02.\($0)") }
    #expect(throws: PCIBindingError.inUse(graphics, .virtualFunctions(virtual))) {
      try bindings(tree).bind([graphics], to: "vfio-pci")
    }
    #expect(throws: PCIBindingError.inUse(graphics, .virtualFunctions(virtual))) {
      try bindings(tree).unbind([graphics])
    }
    // Forced, but not under a guest: the driver would wait for its end.
    try tree.file("/dev/vfio/18")
    let kernel = MdevKernel(opening: { $0.hasSuffix("/dev/vfio/18") ? .resourceBusy : nil })
    #expect(throws: PCIBindingError.guestHolds(virtual[0], group: 18, processes: [])) {
      try bindings(tree, kernel).unbind([graphics], isForced: true)
    }
    #expect(kernel.writes.isEmpty)
  }

  @Test func functionsInGroupsOfTheirOwnStay() throws {
    let tree = try SysfsTree.functionsInOwnGroups()
    let before = try drivers(tree)
    let graphics = try address("c5:00.0")
    _ = try bindings(tree).unbind([graphics], isForced: true)
    let done = try bindings(tree).bind([graphics], to: "vfio-pci", isForced: true)
    #expect(done.map(\.address) == [graphics])
    #expect(try drivers(tree) == before)
    // Named as a card, it has its audio, and nothing of the processor's.
    let device = tree.host.functions(ofDeviceAt: graphics)
    #expect(device.count == 7)
    let gpu = try #require(device.first)
    #expect(device.filter { $0.isPart(ofCard: gpu) }.map(\.address) == [try address("c5:00.1")])
  }

  @Test func aDeviceHasNoVirtualFunctions() throws {
    let tree = try SysfsTree.virtualFunctions()
    let host = tree.host
    let graphics = try address("00:02.0")
    let virtual = try address("00:02.3")
    #expect(host.functions(ofDeviceAt: graphics).map(\.address) == [graphics])
    #expect(host.functions(ofDeviceAt: virtual).map(\.address) == [virtual])
    #expect(host.functions(ofDeviceAt: try address("00:09.0")).isEmpty)
  }

  /// In one group with its physical function no guest can have it, and that must not be bound for it.
  @Test func aVirtualFunctionBesideItsPhysicalOne() throws {
    let tree = try SysfsTree.vGPUsOnVirtualFunctions(hasOwnGroups: false)
    let virtual = try address("41:00.5")
    let before = try drivers(tree)
    let error = #expect(throws: PCIBindingError.self) {
      try bindings(tree).bind([virtual], to: "vfio-pci")
    }
    #expect(
      error == .sharesWithPhysical(virtual, group: 40, physical: try address("41:00.0")))
    #expect(try drivers(tree) == before)
  }

  /// By what the kernel shows of it, not by its driver's name.
  @Test func aDriverThatMakesVirtualGPUsIsForGuests() throws {
    let tree = try SysfsTree.vGPUsOnVirtualFunctions()
    let functions = try tree.host.pciFunctions()
    #expect(functions.map(\.isForGuests) == [false, true, false])
    #expect(functions.map(\.mustKeepDriver) == [false, true, false])
    #expect(functions.map(\.keepsGroupFromGuests) == [true, false, true])
    let other = try SysfsTree.virtualFunctions()
    let bound = try #require(other.host.pciFunction(at: try address("00:02.1")))
    #expect(bound.isForGuests && !bound.mustKeepDriver)
  }

  @Test(arguments: [
    ("vfio-pci", true), ("mlx5_vfio_pci", true), ("nvgrace-gpu-vfio-pci", true), ("vfio", false),
    ("vfio-pci-core", false), ("nvidia", false), ("", false),
  ])
  func driversForGuestsEndAlike(name: String, isForGuests: Bool) {
    #expect(PCIDriver.isForGuests(name) == isForGuests)
  }

  /// Whoever makes a link that reads like a group's node, in a mount namespace of his own, holds nothing.
  @Test func aLinkThatReadsLikeAGroupsNodeHoldsNothing() throws {
    let tree = try SysfsTree.virtualFunctions()
    let first = try address("00:02.1")
    try tree.rawLink("/proc/4711/fd/7", to: tree.location("/dev/vfio/18"))
    // There is no such node, or one that opens.
    _ = try bindings(tree).unbind([first])
    try tree.file("/dev/vfio/18")
    _ = try bindings(tree).restore([first])
    #expect(tree.host.pciFunction(at: first)?.driver == "vfio-pci")
  }

  /// Every user may mount with FUSE and choose the source's name.
  @Test func aUsersMountThatNamesADiskUsesNothing() throws {
    let tree = try SysfsTree.desktop()
    let disk = try #require(tree.host.pciFunction(at: try address("00:17.0")))
    try tree.file(
      "/proc/self/mountinfo",
      "30 1 0:40 / /home/eve/x rw,nosuid,nodev - fuse.sshfs /dev/sda1 rw,user_id=1000\n")
    #expect(tree.host.uses(of: disk).isEmpty)
  }

  @Test func otherVendorsTypes() throws {
    let tree = try SysfsTree.otherVendorsMdevs()
    let types = try tree.host.types()
    #expect(
      types.map { "\($0.id) \($0.name ?? "") \($0.availableInstances ?? -1) \($0.deviceAPI ?? "")" }
        == [
          "nvidia-256 GRID RTX6000-1Q 23 vfio-pci", "nvidia-257 GRID RTX6000-2Q 0 vfio-pci",
          "nvidia-259 GRID RTX6000-4Q 0 vfio-pci", "nvidia-435 GRID RTX6000-1B 0 vfio-pci",
        ])
    #expect(types.first?.description == "num_heads=4, framebuffer=1024M, max_instance=24")
    try tree.host.checkOffer(type: "nvidia-256")
    #expect(
      throws: HostDevicesError.noInstancesLeft(type: "nvidia-259", parents: ["0000:3b:00.0"])
    ) { try tree.host.checkOffer(type: "nvidia-259") }
  }

  @Test func channelsAndCryptoDevicesAreNoVGPUs() throws {
    let tree = try SysfsTree.mainframe()
    let host = tree.host
    #expect(try host.parents().map(\.name) == ["0.0.0023", "matrix"])
    #expect(try host.types().isEmpty && host.devices().isEmpty)
    let error = #expect(throws: HostDevicesError.self) {
      try host.create(type: "vfio_ap-passthrough")
    }
    #expect(error == .noTypes(parents: ["0.0.0023", "matrix"]))
    #expect(error?.description.contains("vfio-ap") == true)
    // It is there all the same for who knows it.
    #expect(host.devices(SysfsTree.uuid1)?.type == "vfio_ap-passthrough")
  }
}
