// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import HostDevices

@Suite struct PCIBindingTests {
  private let tree: SysfsTree
  private let card: PCIAddress
  private let audio: PCIAddress
  private let disk: PCIAddress
  private let network: PCIAddress
  private let controller: PCIAddress
  private let neighbour: PCIAddress

  init() throws {
    tree = try SysfsTree.desktop()
    card = try #require(PCIAddress("01:00.0"))
    audio = try #require(PCIAddress("01:00.1"))
    disk = try #require(PCIAddress("00:17.0"))
    network = try #require(PCIAddress("00:1f.6"))
    controller = try #require(PCIAddress("05:00.0"))
    neighbour = try #require(PCIAddress("06:00.0"))
  }

  private func bindings(_ kernel: MdevKernel? = nil) -> PCIBindings {
    PCIBindings(
      host: HostHardware(root: FilePath(tree.root), kernel: kernel ?? PCIKernel.make(tree)),
      timeout: .milliseconds(20))
  }

  private func driver(_ address: PCIAddress) -> String? {
    tree.host.pciFunction(at: address)?.driver
  }

  private func override(_ address: PCIAddress) -> String? {
    PCIKernel.override(of: "\(address)", tree)
  }

  /// What `body` is refused with; the tree must be as it was.
  private func refusal(
    _ kernel: MdevKernel? = nil,
    _ body: (PCIBindings) throws(PCIBindingError) -> [PCIBinding]
  ) throws -> PCIBindingError? {
    let before = tree.everything().filter { !$0.hasPrefix("/run") }
    let drivers = try tree.host.pciFunctions()
    let bindings = bindings(kernel)
    do {
      _ = try body(bindings)
      return nil
    } catch {
      #expect(tree.everything().filter { !$0.hasPrefix("/run") } == before)
      #expect(try tree.host.pciFunctions() == drivers)
      #expect(override(card) == nil)
      #expect(bindings.remembered.isEmpty)
      #expect(!error.description.contains("\n"))
      return error
    }
  }

  @Test func aWholeCardThereAndBack() throws {
    let kernel = PCIKernel.make(tree)
    let done = try bindings(kernel).bind([card], to: "vfio-pci")
    #expect(
      done == [
        PCIBinding(address: card, before: "nouveau", after: "vfio-pci"),
        PCIBinding(address: audio, before: "snd_hda_intel", after: "vfio-pci"),
      ])
    #expect(
      kernel.writes.prefix(3) == [
        "\(card)/driver_override vfio-pci", "nouveau/unbind \(card)", "pci/drivers_probe \(card)",
      ])
    #expect(driver(card) == "vfio-pci" && driver(audio) == "vfio-pci")
    #expect(override(card) == "vfio-pci")
    #expect(bindings().remembered == [card, audio])

    #expect(
      try bindings().restore() == [
        PCIBinding(address: card, before: "vfio-pci", after: "nouveau"),
        PCIBinding(address: audio, before: "vfio-pci", after: "snd_hda_intel"),
      ])
    #expect(driver(card) == "nouveau" && driver(audio) == "snd_hda_intel")
    #expect(override(card) == nil && override(audio) == nil)
    #expect(bindings().remembered.isEmpty)
  }

  @Test func theFirstDriverIsTheOneThatIsRemembered() throws {
    _ = try bindings().bind([card], to: "vfio-pci")
    _ = try bindings().unbind([card])
    _ = try bindings().bind([card], to: "vfio-pci")
    _ = try bindings().restore([audio])
    #expect(driver(card) == "nouveau" && driver(audio) == "snd_hda_intel")
  }

  @Test func anOverrideThatWasThereComesBack() throws {
    try tree.file("/sys/bus/pci/devices/\(card)/driver_override", "nouveau\n")
    _ = try bindings().bind([card], to: "vfio-pci")
    _ = try bindings().restore()
    #expect(driver(card) == "nouveau" && override(card) == "nouveau")
  }

  @Test func boundAlready() throws {
    _ = try bindings().bind([card], to: "vfio-pci")
    let kernel = PCIKernel.make(tree)
    let again = try bindings(kernel).bind([card], to: "vfio-pci")
    #expect(again.map(\.before) == ["vfio-pci", "vfio-pci"])
    #expect(kernel.writes.isEmpty)
    #expect(bindings().remembered == [card, audio])
  }

  @Test func unboundAndRestored() throws {
    #expect(
      try bindings().unbind([audio]) == [
        PCIBinding(address: audio, before: "snd_hda_intel", after: nil)
      ])
    #expect(driver(audio) == nil && driver(card) == "nouveau")
    _ = try bindings().restore([audio])
    #expect(driver(audio) == "snd_hda_intel")
  }

  @Test func aNeighbourThatKeepsItsDriver() throws {
    let error = try refusal { bindings throws(PCIBindingError) in
      try bindings.bind([controller], to: "vfio-pci")
    }
    guard case .sharedGroup(controller, group: 4, let others) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(others.map(\.address) == [neighbour])
    #expect(error?.description.contains("\(neighbour) (driver e1000e)") == true)

    _ = try bindings().bind([controller, neighbour], to: "vfio-pci")
    #expect(driver(controller) == "vfio-pci" && driver(neighbour) == "vfio-pci")
  }

  @Test func aNeighbourWithoutADriverMayStay() throws {
    _ = try bindings().unbind([neighbour])
    _ = try bindings().bind([controller], to: "vfio-pci")
    #expect(driver(controller) == "vfio-pci" && driver(neighbour) == nil)
  }

  @Test func theBootDisplay() throws {
    let address = try #require(PCIAddress("00:02.0"))
    try tree.file("/sys/bus/pci/devices/\(address)/driver_override", "(null)\n")
    let error = try refusal { bindings throws(PCIBindingError) in
      try bindings.bind([address], to: "vfio-pci")
    }
    #expect(error == .inUse(address, .bootDisplay))
    _ = try bindings().bind([address], to: "vfio-pci", isForced: true)
    #expect(driver(address) == "vfio-pci")
  }

  enum Mounted: String, CaseIterable {
    case partition = "30 1 8:1 / /home\\040x rw,relatime - ext4 /dev/sda1 rw"
    case byItsSource = "30 1 0:40 /sub / rw,relatime shared:1 - btrfs /dev/sda1 rw"
    case byInit = "in /proc/1 30 1 8:1 / / rw - ext4 /dev/sda1 rw"
    case encrypted = "30 1 254:0 / /srv rw,relatime - ext4 /dev/mapper/crypt rw"
  }

  @Test(arguments: Mounted.allCases) func aMountedDisk(mount: Mounted) throws {
    try tree.folder("/sys/class/block/sda1/holders/dm-0")
    try tree.file("/sys/devices/virtual/block/dm-0/dev", "254:0\n")
    try tree.file("/sys/devices/virtual/block/dm-0/dm/name", "crypt\n")
    try tree.link("/sys/class/block/dm-0", to: "/sys/devices/virtual/block/dm-0")
    #expect(tree.host.uses(of: try #require(tree.host.pciFunction(at: disk))).isEmpty)
    let file = mount == .byInit ? "/proc/1/mountinfo" : "/proc/self/mountinfo"
    try tree.file(file, mount.rawValue.replacingOccurrences(of: "in /proc/1 ", with: "") + "\n")
    let error = try refusal { bindings throws(PCIBindingError) in
      try bindings.bind([disk], to: "vfio-pci")
    }
    let device = mount == .encrypted ? "dm-0" : "sda1"
    guard case .inUse(disk, .mounted(device, _)) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    _ = try bindings().bind([disk], to: "vfio-pci", isForced: true)
    #expect(driver(disk) == "vfio-pci")
  }

  @Test func aDiskThatIsSwappedTo() throws {
    try tree.file("/proc/swaps", "Filename Type Size Used Priority\n/dev/sda1 partition 1 0 -2\n")
    let error = try refusal { bindings throws(PCIBindingError) in try bindings.unbind([disk]) }
    #expect(error == .inUse(disk, .swap(device: "sda1")))
  }

  @Test(arguments: [("flags", "0x1003\n"), ("operstate", "up\n")])
  func anInterfaceThatIsUp(file: String, text: String) throws {
    #expect(tree.host.uses(of: try #require(tree.host.pciFunction(at: network))).isEmpty)
    try tree.file("/sys/class/net/enp0s31f6/\(file)", text)
    let error = try refusal { bindings throws(PCIBindingError) in
      try bindings.bind([network], to: "vfio-pci")
    }
    #expect(error == .inUse(network, .network(interface: "enp0s31f6")))
  }

  @Test func aGPUWithADesktop() throws {
    try tree.folder("/sys/bus/pci/devices/\(card)/drm/card1")
    try tree.number("/sys/class/drm/card1", asOf: "/dev/null")
    try tree.process(4711, has: 7, of: "/dev/null", as: "/dev/dri/card1")
    let error = try refusal { bindings throws(PCIBindingError) in
      try bindings.bind([audio], to: "vfio-pci")
    }
    #expect(error == .inUse(card, .opened(node: "/dev/dri/card1", processes: [4711])))
  }

  @Test(arguments: [true, false]) func aGuestHoldsTheGroup(isSeen: Bool) throws {
    _ = try bindings().bind([card], to: "vfio-pci")
    try tree.file("/dev/vfio/1")
    try tree.number("/sys/class/vfio/1", asOf: "/dev/null")
    if isSeen { try tree.process(4711, has: 7, of: "/dev/null", as: "/dev/vfio/1") }
    // One who has made a file of that name for himself.
    try tree.process(4712, has: 7, of: tree.location("/dev/vfio/1"), as: "/dev/vfio/1")
    let kernel = MdevKernel(opening: { $0.hasSuffix("/dev/vfio/1") ? .resourceBusy : nil })
    #expect(
      throws: PCIBindingError.guestHolds(card, group: 1, processes: isSeen ? [4711] : [])
    ) { try bindings(kernel).restore() }
    #expect(
      throws: PCIBindingError.guestHolds(card, group: 1, processes: isSeen ? [4711] : [])
    ) { try bindings(kernel).unbind([card], isForced: true) }
    #expect(kernel.writes.isEmpty)
    #expect(bindings().remembered == [card, audio])
  }

  @Test func whatCannotBeBound() throws {
    let missing = try #require(PCIAddress("09:00.0"))
    let bridge = try #require(PCIAddress("00:01.0"))
    let alone = try #require(PCIAddress("07:00.0"))
    let cases: [([PCIAddress], String, PCIBindingError)] = [
      ([missing], "vfio-pci", .noSuchFunction(missing)),
      ([bridge], "vfio-pci", .bridge(bridge)),
      ([alone], "vfio-pci", .noIOMMU(alone)),
      ([], "vfio-pci", .nothingNamed),
      ([card], "mlx5_vfio_pci", .noDriver("mlx5_vfio_pci")),
      ([card], "../../../etc", .invalidDriver("../../../etc")),
    ]
    for (addresses, driver, expected) in cases {
      let error = try refusal { bindings throws(PCIBindingError) in
        try bindings.bind(addresses, to: driver)
      }
      #expect(error == expected)
    }
  }

  /// Each write that the kernel may refuse: everything is as before.
  @Test(arguments: [
    ("0000:01:00.0/driver_override vfio-pci", Errno.permissionDenied),
    ("nouveau/unbind", .resourceBusy), ("pci/drivers_probe 0000:01:00.0", .invalidArgument),
    ("0000:01:00.1/driver_override vfio-pci", .noMemory), ("snd_hda_intel/unbind", .ioError),
    ("pci/drivers_probe 0000:01:00.1", .noSpace),
  ])
  func theKernelRefuses(write: String, errno: Errno) throws {
    let kernel = PCIKernel.make(tree) { $0.hasPrefix(write) ? errno : nil }
    let error = try refusal(kernel) { bindings throws(PCIBindingError) in
      try bindings.bind([card], to: "vfio-pci")
    }
    guard case .system(let refused) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(refused.errno == errno && refused.remedy != nil)
  }

  @Test func theDriverDoesNotTakeIt() throws {
    let tree = tree
    let real = PCIKernel.make(tree)
    let kernel = MdevKernel { path, text in
      if path.hasSuffix("drivers_probe") { return text.utf8.count }
      let fd = real.open(path, flags: 1)
      defer { _ = real.close(Int32(fd)) }
      return Array(text.utf8).withUnsafeBytes { real.pwrite(Int32(fd), $0, offset: 0) }
    }
    let error = try refusal(kernel) { bindings throws(PCIBindingError) in
      try bindings.bind([card], to: "vfio-pci")
    }
    #expect(error == .notTaken(card, driver: "vfio-pci", instead: nil))
  }

  @Test func puttingBackFailsToo() throws {
    let kernel = PCIKernel.make(tree) {
      $0.hasPrefix("snd_hda_intel/unbind") || $0.hasPrefix("nouveau/bind") ? .ioError : nil
    }
    let error = #expect(throws: PCIBindingError.self) {
      try bindings(kernel).bind([card], to: "vfio-pci")
    }
    guard case .notPutBack(card, _, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    // It is still known how it was.
    #expect(bindings().remembered == [card])
  }

  @Test func nothingToRestore() throws {
    #expect(try bindings().restore().isEmpty)
    #expect(throws: PCIBindingError.notRemembered(card, remembered: [])) {
      try bindings().restore([card])
    }
  }

  @Test func theDriverIsNotThereAnyMore() throws {
    _ = try bindings().bind([card], to: "vfio-pci")
    try tree.remove("/sys/bus/pci/drivers/nouveau")
    #expect(throws: PCIBindingError.noDriver("nouveau")) { try bindings().restore() }
    #expect(driver(card) == "vfio-pci" && driver(audio) == "vfio-pci")
  }

  @Test func anotherDeviceInTheSlot() throws {
    _ = try bindings().bind([card], to: "vfio-pci")
    try tree.file("/sys/bus/pci/devices/\(card)/device", "0x9999\n")
    let error = #expect(throws: PCIBindingError.self) { try bindings().restore() }
    guard case .exchanged(card, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func aFunctionThatIsGoneIsForgotten() throws {
    _ = try bindings().bind([card], to: "vfio-pci")
    try tree.remove("/sys/bus/pci/devices/\(card)")
    _ = try bindings().restore()
    #expect(bindings().remembered.isEmpty)
    #expect(driver(audio) == "snd_hda_intel")
  }

  enum Tampered: CaseIterable {
    case text, path, half, link, writable, folder, owner
  }

  @Test(arguments: Tampered.allCases.filter { $0 != .owner })
  func aRecordThatIsNotBelieved(kind: Tampered) throws { try expectDisbelief(of: kind) }

  @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
  func anothersRecordIsNotBelieved() throws { try expectDisbelief(of: .owner) }

  private func expectDisbelief(of kind: Tampered) throws {
    _ = try bindings().bind([card], to: "vfio-pci")
    let file = "/run/vgpu/pci/\(card)"
    let good = try String(contentsOfFile: tree.location(file), encoding: .utf8)
    switch kind {
    case .text: try tree.file(file, "driver nouveau\n")
    case .path: try tree.file(file, good.replacingOccurrences(of: "nouveau", with: "../../x"))
    case .half: try tree.file(file, String(good.prefix(30)))
    case .link:
      try tree.file("/elsewhere", good)
      try tree.remove(file)
      try tree.rawLink(file, to: tree.location("/elsewhere"))
    case .writable: #expect(chmod(tree.location(file), 0o666) == 0)
    case .folder: #expect(chmod(tree.location("/run/vgpu"), 0o777) == 0)
    case .owner: #expect(chown(tree.location(file), 65534, 65534) == 0)
    }
    let kernel = PCIKernel.make(tree)
    let error = #expect(throws: PCIBindingError.self) { try bindings(kernel).restore() }
    #expect(error?.description.contains("by hand") == true)
    #expect(kernel.writes.isEmpty)
  }
}
