// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import HostDevices

/// vGPUs that are PCI functions: told, made and removed.
@Suite struct PCIVGPUTests {
  private func address(_ text: String) -> PCIAddress {
    guard let address = PCIAddress(text) else { preconditionFailure("\(text) is no address") }
    return address
  }

  private func host(_ tree: SysfsTree, _ kernel: MdevKernel) -> HostHardware {
    HostHardware(root: FilePath(tree.root), kernel: kernel)
  }

  /// Everything but what this software remembers.
  private func state(of tree: SysfsTree) throws -> [String] {
    let functions = try tree.host.pciFunctions()
    return tree.everything().filter { !$0.hasPrefix("/run") }
      + functions.map { "\($0.address) \($0.driver ?? "-")" }
      + functions.compactMap { function in
        let file = tree.location(
          "/sys/bus/pci/devices/\(function.address)/sriov_drivers_autoprobe")
        return try? String(contentsOfFile: file, encoding: .utf8)
      }
  }

  // MARK: Which there are

  @Test func functionsForGuestsAreTold() throws {
    let alder = try SysfsTree.virtualFunctions()
    let functions = try alder.host.pciVGPUs()
    #expect(
      functions.map { "\($0.address) \($0.kind) \($0.label)" } == ["0000:00:02.1 sriov vfio-pci"])
    #expect(functions.first?.function.physicalFunction == address("00:02.0"))
    #expect(alder.host.pciVGPU(at: address("00:02.0")) == nil)
    #expect(alder.host.pciVGPU(at: address("00:02.2")) == nil)
    let amd = try SysfsTree.functionsInOwnGroups()
    // The sound function is a guest's too, and no GPU.
    #expect(try amd.host.pciVGPUs().map { "\($0.address) \($0.kind)" } == ["0000:c5:00.0 gpu"])
    #expect(amd.host.pciVGPU(at: address("c5:00.1"))?.kind == .gpu)
    let older = try SysfsTree.vGPUsOnVirtualFunctions()
    #expect(try older.host.pciVGPUs().map { "\($0.address) \($0.kind)" } == ["0000:41:00.4 sriov"])
  }

  @Test func onlyATypeMakesAVGPUOfNVIDIAs() throws {
    let untyped = try SysfsTree.nvidiaHost()
    #expect(try untyped.host.pciVGPUs().isEmpty)
    let full = try SysfsTree.nvidiaHost(isFull: true)
    let made = try full.host.pciVGPUs()
    #expect(
      made.map { "\($0.address) \($0.kind) \($0.label)" } == ["0000:41:00.4 nvidia nvidia-1155"])
    #expect(made.first?.groupNode == "/dev/vfio/44")
    #expect(full.host.vGPUDevice(.pci(address("41:00.4")))?.groupNode == "/dev/vfio/44")
    #expect(try full.host.vGPUDevices().map(\.name) == [.pci(address("41:00.4"))])
  }

  @Test func rendersOnTheGPUItIsAPartOf() throws {
    let tree = try SysfsTree.sriovHost(made: 2)
    let kernel = PCIKernel.make(tree)
    _ = try PCIBindings(host: host(tree, kernel)).bind([address("03:00.1")], to: "vfio-pci")
    #expect(try tree.host.pciVGPUs().map(\.renderNode) == ["/dev/dri/renderD129"])
  }

  @Test func typesAreOffered() throws {
    func told(_ tree: SysfsTree) throws -> [String] {
      try tree.host.offeredTypes().map { type in
        let left = type.type.availableInstances.map(String.init) ?? "-"
        return "\(type.kind) \(type.type.id) \(type.type.parent) \(left) \(type.type.name ?? "-")"
      }
    }
    // The network card makes none.
    #expect(try told(.sriovHost()) == ["sriov sriov 0000:03:00.0 7 virtual function"])
    #expect(try told(.sriovHost(made: 3)) == ["sriov sriov 0000:03:00.0 3 virtual function"])
    #expect(
      try told(.nvidiaHost()) == [
        "nvidia nvidia-1145 0000:41:00.0 3 NVIDIA L40S-1B",
        "nvidia nvidia-1147 0000:41:00.0 3 NVIDIA L40S-1Q",
      ])
    #expect(try told(.nvidiaHost(isFull: true)).isEmpty)
    #expect(
      try told(.otherVendorsMdevs()).first == "mdev nvidia-256 0000:3b:00.0 23 GRID RTX6000-1Q")
    func kind(_ type: String, _ tree: SysfsTree) throws -> VGPUKind {
      try tree.host.kind(ofType: type)
    }
    #expect(try kind("nvidia-256", .otherVendorsMdevs()) == .mdev)
    #expect(try kind("nvidia-256", .nvidiaHost()) == .nvidia)
    #expect(try kind("i915-GVTg_V5_4", .gvtLaptop()) == .mdev)
  }

  @Test(arguments: [
    ("1428 : NVIDIA H200X-141C", 1428, "NVIDIA H200X-141C"),
    ("557\t:  NVIDIA A40-1B 4 heads ", 557, "NVIDIA A40-1B 4 heads"),
    ("ID    : vGPU Name", nil, ""), ("", nil, ""), (":", nil, ""), ("7 :", nil, ""),
    ("0 : none", nil, ""), ("-1 : x", nil, ""), ("99999999999999999999 : x", nil, ""),
    ("NVIDIA A40-1B : 557", nil, ""), ("557 NVIDIA A40", nil, ""),
  ])
  func linesOfTheDriverAreRead(line: String, number: Int?, name: String) {
    let type = NVIDIAType(line)
    #expect(type?.number == number)
    #expect(type.map(\.name) ?? "" == name)
  }

  // MARK: Virtual functions

  @Test func virtualFunctionsComeAndGo() throws {
    let tree = try SysfsTree.sriovHost()
    let before = try state(of: tree)
    let kernel = PCIKernel.make(tree)
    let host = host(tree, kernel)
    let made = try host.createFunctions(type: "sriov", count: 2, timeout: .zero)
    #expect(
      made.map { "\($0.address) \($0.kind)" } == ["0000:03:00.1 sriov", "0000:03:00.2 sriov"])
    #expect(
      kernel.writes.prefix(4) == [
        "0000:03:00.0/sriov_drivers_autoprobe 0", "0000:03:00.0/sriov_numvfs 2",
        "0000:03:00.0/sriov_drivers_autoprobe 1", "0000:03:00.1/driver_override vfio-pci",
      ])
    #expect(PCIKernel.driver(of: "0000:03:00.0", tree) == "xe")
    #expect(throws: VirtualFunctionError.madeAlready(address("03:00.0"), made: 2, free: 0)) {
      try host.createFunctions(type: "sriov", timeout: .zero)
    }
    try host.removeFunction(address("03:00.1"), timeout: .zero)
    #expect(try host.pciVGPUs().map(\.address) == [address("03:00.2")])
    // It is free again, and there was no need to make all anew.
    #expect(
      try host.createFunctions(type: "sriov", timeout: .zero).map(\.address)
        == [address("03:00.1")])
    try host.removeFunction(address("03:00.2"), timeout: .zero)
    try host.removeFunction(address("03:00.1"), timeout: .zero)
    #expect(kernel.writes.last == "0000:03:00.0/sriov_numvfs 0")
    #expect(try state(of: tree) == before)
    #expect(PCIBindings(host: host).remembered.isEmpty)
    #expect(!VirtualFunctions(host: host).areOurs(of: address("03:00.0")))
  }

  /// Those that the host's start made stay, and go back to the host's driver.
  @Test func virtualFunctionsOfOthersStay() throws {
    let tree = try SysfsTree.sriovHost(made: 2)
    let before = try state(of: tree)
    let host = host(tree, PCIKernel.make(tree))
    let made = try host.createFunctions(type: "sriov", parent: "0000:03:00.0", timeout: .zero)
    #expect(made.map(\.address) == [address("03:00.1")])
    #expect(PCIKernel.driver(of: "0000:03:00.2", tree) == "xe")
    try host.removeFunction(address("03:00.1"), timeout: .zero)
    #expect(try state(of: tree) == before)
    // Whoever names the GPU means them all.
    try host.removeFunction(address("03:00.0"), timeout: .zero)
    let fresh = try state(of: .sriovHost())
    #expect(try state(of: tree) == fresh)
  }

  @Test(arguments: [
    ("0000:03:00.0/sriov_numvfs 2", Errno.noMemory, "Above 4G"),
    ("0000:03:00.0/sriov_numvfs 2", .noSuchFileOrDirectory, "makes no virtual functions"),
    ("0000:03:00.0/sriov_numvfs 2", .notPermitted, "the driver refuses it now"),
    ("0000:03:00.0/sriov_drivers_autoprobe 0", .permissionDenied, "needs root"),
    ("0000:03:00.2/driver_override vfio-pci", .permissionDenied, "needs root"),
    ("pci/drivers_probe 0000:03:00.2", .noSuchDevice, "the device is gone"),
  ])
  func refusalLeavesNothing(write: String, errno: Errno, hint: String) throws {
    let tree = try SysfsTree.sriovHost()
    let before = try state(of: tree)
    let host = host(tree, PCIKernel.make(tree) { $0 == write ? errno : nil })
    let error = #expect(throws: VirtualFunctionError.self) {
      try host.createFunctions(type: "sriov", count: 2, timeout: .zero)
    }
    #expect(error?.description.contains(hint) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("\n") == false)
    #expect(try state(of: tree) == before)
    #expect(PCIBindings(host: host).remembered.isEmpty)
    #expect(!VirtualFunctions(host: host).areOurs(of: address("03:00.0")))
  }

  @Test func driverThatMakesFewerIsToldAndUndone() throws {
    let tree = try SysfsTree.sriovHost()
    let before = try state(of: tree)
    let kernel = MdevKernel { location, text in
      let path = String(location.dropFirst(tree.root.utf8.count))
      if path.hasSuffix("sriov_numvfs") {
        try tree.setVirtualFunctions(min(Int(text) ?? 0, 1), of: "0000:03:00.0")
      } else {
        try tree.file(path, text + "\n")
      }
      return text.utf8.count
    }
    #expect(throws: VirtualFunctionError.fewer(address("03:00.0"), wanted: 2, made: 1)) {
      try host(tree, kernel).createFunctions(type: "sriov", count: 2, timeout: .zero)
    }
    #expect(try state(of: tree) == before)
  }

  /// Without ACS a virtual function shares its group with the GPU, which must stay.
  @Test func virtualFunctionInTheGPUsGroupIsUndone() throws {
    let tree = try SysfsTree.sriovHost()
    let inner = PCIKernel.make(tree)
    let before = try state(of: tree)
    let kernel = MdevKernel { location, text in
      let count = try inner.answer(location, text)
      if location.hasSuffix("sriov_numvfs"), text != "0" {
        let path = "/sys/devices/pci0000:00/0000:03:00.1/iommu_group"
        try tree.remove(path)
        try tree.link(path, to: "/sys/kernel/iommu_groups/20")
      }
      return count
    }
    let error = #expect(throws: VirtualFunctionError.self) {
      try host(tree, kernel).createFunctions(type: "sriov", timeout: .zero)
    }
    let gpu = address("03:00.0")
    #expect(
      error
        == .binding(
          .sharesWithPhysical(address("03:00.1"), group: 20, physical: gpu)))
    #expect(try state(of: tree) == before)
  }

  @Test(arguments: [
    ("03:00.9", "otherParent"), ("09:00.0", "noSuchFunction"), ("00:02.0", "noSRIOV"),
  ])
  func parentThatCannotIsRefused(parent: String, error name: String) throws {
    let tree = try SysfsTree.sriovHost()
    let error = #expect(throws: VirtualFunctionError.self) {
      try host(tree, PCIKernel.make(tree)).createFunctions(
        type: "sriov", parent: parent, timeout: .zero)
    }
    // An enumeration's case, by its name.
    #expect(error.flatMap { Mirror(reflecting: $0).children.first?.label } == name)
  }

  @Test func numbersThatCannotBeAreRefused() throws {
    let tree = try SysfsTree.sriovHost()
    let host = host(tree, PCIKernel.make(tree))
    let gpu = address("03:00.0")
    #expect(throws: VirtualFunctionError.tooMany(gpu, wanted: 8, most: 7)) {
      try host.createFunctions(type: "sriov", count: 8, timeout: .zero)
    }
    #expect(try host.createFunctions(type: "sriov", count: 0).isEmpty)
    _ = try PCIBindings(host: host).bind([gpu], to: "vfio-pci")
    #expect(throws: VirtualFunctionError.noHostDriver(gpu, driver: "vfio-pci")) {
      try host.createFunctions(type: "sriov", parent: "03:00.0", timeout: .zero)
    }
    let empty = try SysfsTree.gvtLaptop()
    #expect(
      throws: VirtualFunctionError.noType(
        id: "sriov", existing: ["i915-GVTg_V5_4", "i915-GVTg_V5_8"])
    ) {
      try empty.host.createFunctions(type: "sriov", timeout: .zero)
    }
  }

  /// A guest that runs keeps its virtual function, and with it all of the GPU's.
  @Test(arguments: ["03:00.1", "03:00.0"]) func runningGuestIsLeftAlone(named: String) throws {
    let tree = try SysfsTree.sriovHost()
    _ = try host(tree, PCIKernel.make(tree))
      .createFunctions(type: "sriov", count: 2, timeout: .zero)
    try tree.file("/dev/vfio/21")
    try tree.number("/sys/class/vfio/21", asOf: "/dev/null")
    try tree.process(4711, has: 7, of: "/dev/null", as: "/dev/vfio/21")
    let before = try state(of: tree)
    let kernel = MdevKernel(opening: { $0.hasSuffix("/dev/vfio/21") ? .resourceBusy : nil })
    let error = #expect(throws: VirtualFunctionError.self) {
      try host(tree, kernel).removeFunction(address(named), timeout: .zero)
    }
    #expect(error?.description.contains("4711") == true)
    #expect(kernel.writes.isEmpty)
    #expect(try state(of: tree) == before)
    #expect(tree.host.users(of: address("03:00.1")) == [4711])
    #expect(tree.host.users(of: .pci(address("03:00.2"))).isEmpty)
  }

  @Test(arguments: ["00:02.0", "04:00.0", "09:00.0"])
  func whatIsNoVGPUIsNotRemoved(named: String) throws {
    let tree = try SysfsTree.sriovHost()
    let kernel = PCIKernel.make(tree)
    #expect(throws: VirtualFunctionError.self) {
      try host(tree, kernel).removeFunction(address(named), timeout: .zero)
    }
    #expect(kernel.writes.isEmpty)
  }

  // MARK: NVIDIA vGPU 17 and later

  @Test func nvidiaTypesComeAndGo() throws {
    let tree = try SysfsTree.nvidiaHost()
    let before = try state(of: tree)
    let kernel = PCIKernel.make(tree)
    let host = host(tree, kernel)
    let made = try host.createFunctions(type: "nvidia-1147", timeout: .zero)
    #expect(made.map { "\($0.address) \($0.label)" } == ["0000:41:00.4 nvidia-1147"])
    #expect(kernel.writes == ["nvidia/current_vgpu_type 1147"])
    let second = try host.createFunctions(
      type: "nvidia-1145", parent: "0000:41:00.0", count: 2, timeout: .zero)
    #expect(second.map(\.address) == [address("41:00.5"), address("41:00.6")])
    for vGPU in try host.pciVGPUs() { try host.removeFunction(vGPU.address, timeout: .zero) }
    #expect(try state(of: tree).filter { !$0.hasPrefix("/dev") } == before)
    #expect(throws: VirtualFunctionError.noVGPU(address("41:00.4"))) {
      try host.removeFunction(address("41:00.4"), timeout: .zero)
    }
    #expect(throws: VirtualFunctionError.noVGPU(address("41:00.0"))) {
      try host.removeFunction(address("41:00.0"), timeout: .zero)
    }
  }

  @Test func fullGPUOffersNone() throws {
    let tree = try SysfsTree.nvidiaHost(isFull: true)
    #expect(throws: VirtualFunctionError.noType(id: "nvidia-1147", existing: [])) {
      try host(tree, PCIKernel.make(tree)).createFunctions(type: "nvidia-1147", timeout: .zero)
    }
  }

  @Test func nvidiasRefusalIsTold() throws {
    let tree = try SysfsTree.nvidiaHost()
    let before = try state(of: tree)
    // The second one is refused, and the first one is taken back.
    let count = Counter()
    let kernel = PCIKernel.make(tree) { write in
      write.hasSuffix("1147") && count.next() == 2 ? Errno.invalidArgument : nil
    }
    let error = #expect(throws: VirtualFunctionError.self) {
      try host(tree, kernel).createFunctions(type: "nvidia-1147", count: 2, timeout: .zero)
    }
    #expect(
      error?.description.contains("0000:41:00.5: the driver does not make a nvidia-1147") == true)
    #expect(try state(of: tree).filter { !$0.hasPrefix("/dev") } == before)
  }

  /// nvidia-vgpu-vfio is not loaded: the type is written, and nothing can be opened.
  @Test func typeWithoutANodeIsTakenBack() throws {
    let tree = try SysfsTree.nvidiaHost()
    let kernel = MdevKernel { location, text in
      try tree.file(String(location.dropFirst(tree.root.utf8.count)), text + "\n")
      return text.utf8.count
    }
    #expect(
      throws: VirtualFunctionError.incomplete(address("41:00.4"), type: "nvidia-1147")
    ) {
      try host(tree, kernel).createFunctions(type: "nvidia-1147", timeout: .zero)
    }
    #expect(kernel.writes == ["nvidia/current_vgpu_type 1147", "nvidia/current_vgpu_type 0"])
  }

  @Test func vGPUAsJSON() throws {
    let full = try SysfsTree.nvidiaHost(isFull: true)
    let vGPU = try #require(try full.host.pciVGPUs().first)
    let data = try JSONEncoder().encode(vGPU)
    #expect(try JSONDecoder().decode(PCIVGPU.self, from: data) == vGPU)
    let nvidia = try SysfsTree.nvidiaHost()
    let type = try #require(try nvidia.host.offeredTypes().first)
    #expect(
      try JSONDecoder().decode(OfferedType.self, from: JSONEncoder().encode(type)) == type)
  }
}

private final class Counter: Sendable {
  private let value = Mutex(0)

  func next() -> Int {
    value.withLock { value in
      value += 1
      return value
    }
  }
}
