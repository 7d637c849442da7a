// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import QMP
import SystemPackage
import TestSupport
import Testing

@testable import QEMU

/// What a guest takes of the host, read off trees as hosts have them.
@Suite final class HostTests {
  private let root = FileManager.default.temporaryDirectory
    .appendingPathComponent("host-\(UUID().uuidString)")

  private var host: HostHardware { HostHardware(root: FilePath(root.path)) }

  deinit { try? FileManager.default.removeItem(at: root) }

  private func write(_ path: String, _ text: String = "") throws {
    let file = root.appendingPathComponent(path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  private func link(_ path: String, to target: String) throws {
    let file = root.appendingPathComponent(path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: file.path, withDestinationPath: root.appendingPathComponent(target).path)
  }

  // MARK: - Processors

  /// - Parameter siblings: each processor's threads, its package and its node.
  private func processors(
    _ siblings: [(threads: String, package: Int, node: Int)], efficient: String? = nil
  ) throws -> HostProcessors {
    let folder = "sys/devices/system/cpu"
    try write("\(folder)/online", "0-\(siblings.count - 1)\n")
    for (index, processor) in siblings.enumerated() {
      let own = "\(folder)/cpu\(index)"
      try write("\(own)/topology/thread_siblings_list", "\(processor.threads)\n")
      try write("\(own)/topology/physical_package_id", "\(processor.package)\n")
      try write("\(own)/node\(processor.node)/x")
    }
    if let efficient { try write("sys/devices/cpu_atom/cpus", "\(efficient)\n") }
    return HostProcessors(root: root.path)
  }

  @Test func wholeCoresFromTheEnd() throws {
    // A laptop: four cores of two threads, numbered as Intel's firmware does.
    let host = try processors((0..<8).map { ("\($0 % 4),\($0 % 4 + 4)", 0, 0) })
    #expect(host.count == 8)
    #expect(try host.pinning(count: 4) == ProcessorPinning(threads: 2, processors: [2, 6, 3, 7]))
    #expect(try host.pinning(count: 8).processors == [0, 4, 1, 5, 2, 6, 3, 7])
    // An odd number is no whole cores.
    #expect(try host.pinning(count: 3) == ProcessorPinning(threads: 1, processors: [1, 2, 3]))
    let error = #expect(throws: QEMUError.self) { try host.pinning(count: 9) }
    #expect(error?.description.contains("4 cores of 2 threads") == true)
    #expect(throws: QEMUError.self) { try host.pinning(count: 7) }
  }

  @Test func oneKindOfCore() throws {
    // Two fast cores of two threads and four efficient ones.
    let host = try processors(
      [("0-1", 0, 0), ("0-1", 0, 0), ("2-3", 0, 0), ("2-3", 0, 0)]
        + (4..<8).map { ("\($0)", 0, 0) }, efficient: "4-7")
    #expect(try host.pinning(count: 4).processors == [0, 1, 2, 3])
    #expect(try host.pinning(count: 2).processors == [2, 3])
    // Three are no whole cores, and there are but two fast ones.
    #expect(try host.pinning(count: 3) == ProcessorPinning(threads: 1, processors: [5, 6, 7]))
    #expect(throws: QEMUError.self) { try host.pinning(count: 6) }
  }

  @Test func oneMemoryWhereThatSuffices() throws {
    let host = try processors((0..<8).map { ("\($0)", $0 / 4, $0 / 4) })
    #expect(try host.pinning(count: 4).processors == [0, 1, 2, 3])
    #expect(try host.pinning(count: 6).processors == [2, 3, 4, 5, 6, 7])
  }

  @Test func whatMayNotBeUsedIsNot() throws {
    _ = try processors((0..<4).map { ("\($0)", 0, 0) })
    let host = HostProcessors(root: root.path, allowed: [1, 2])
    #expect(try host.pinning(count: 2).processors == [1, 2])
    #expect(HostProcessors(root: "/no/such").count == 0)
    #expect(HostProcessors(root: "").count == ProcessInfo.processInfo.processorCount)
  }

  @Test func listsAreTheKernels() {
    #expect(HostProcessors.list("0-2,5") == [0, 1, 2, 5])
    for text in ["2-1", "a", "1-", "-1", "0-99999", "0-1-2"] {
      #expect(HostProcessors.list(text) == nil, "\(text)")
    }
  }

  @Test func threadsArePinned() async throws {
    let machine = try TestMachine(nil, ["-smp", "2", "-accel", "tcg,thread=multi"])
    let client = try await QMPClient(path: machine.path)
    let threads = try await client.execute(QueryCPUs())
    #expect(threads.map(\.index) == [0, 1])
    let usable = HostProcessors.allowed()?.sorted() ?? []
    let pinning = ProcessorPinning(threads: 1, processors: [usable[0], usable[usable.count - 1]])
    for cpu in threads { try pinning.pin(thread: cpu.thread, index: cpu.index) }
    for cpu in threads {
      let status = try String(
        contentsOfFile: "/proc/\(machine.pid)/task/\(cpu.thread)/status", encoding: .utf8)
      #expect(status.contains("Cpus_allowed_list:\t\(pinning.processors[cpu.index])\n"))
    }
    let error = #expect(throws: QEMUError.self) { try pinning.pin(thread: Int32.max, index: 0) }
    #expect(error?.description.contains("sched_setaffinity: No such process") == true)
    await client.close()
  }

  // MARK: - Memory

  @Test func pagesAreCounted() throws {
    let folder = "sys/kernel/mm/hugepages/hugepages-2048kB"
    try write("proc/self/mounts", "proc /proc proc rw 0 0\nnone /big\\040pages hugetlbfs rw 0 0\n")
    for (file, count) in [("nr_hugepages", 100), ("free_hugepages", 80), ("resv_hugepages", 30)] {
      try write("\(folder)/\(file)", "\(count)\n")
    }
    let pages = try HugePages.mounted(.twoMiB, root: root.path)
    #expect(pages.folder == "/big pages")
    try write("big pages/x")
    try pages.check(mebibytes: 100, root: root.path)
    let few = #expect(throws: QEMUError.self) {
      try pages.check(mebibytes: 102, root: self.root.path)
    }
    #expect(few?.description.contains("50 are free, but the guest needs 51") == true)
    #expect(few?.description.contains("echo 101 > /\(folder)/nr_hugepages") == true)
    #expect(throws: QEMUError.self) { try pages.check(mebibytes: 3, root: self.root.path) }
    let none = #expect(throws: QEMUError.self) {
      try HugePages.mounted(.oneGiB, root: self.root.path)
    }
    #expect(none?.description.contains("-o pagesize=1G none /dev/hugepages1G") == true)
    try write("proc/self/mounts", "h /g hugetlbfs rw,relatime,pagesize=1024M 0 0\n")
    let large = try HugePages.mounted(.oneGiB, root: root.path)
    #expect(large.folder == "/g")
    #expect(throws: QEMUError.self) { try large.check(mebibytes: 1024, root: self.root.path) }
    #expect(throws: QEMUError.self) { try HugePages.mounted(.twoMiB, root: self.root.path) }
  }

  // MARK: - USB, SCSI, networks

  @Test func usbDevicesAreFound() throws {
    for (file, text) in [
      ("idVendor", "046d"), ("idProduct", "c52b"), ("busnum", "1"), ("devnum", "4"),
    ] {
      try write("sys/bus/usb/devices/1-2/\(file)", "\(text)\n")
    }
    try write("sys/bus/usb/devices/1-2:1.0/bInterfaceNumber", "00\n")
    let named = try #require(USBSelector("046D:c52b"))
    let placed = try #require(USBSelector("001.004"))
    #expect(USBSelector("usb:046d:c52b") == named)
    #expect(placed == .address(bus: 1, device: 4))
    for device in [named, placed] {
      let found = host.usbDevices().filter { $0.matches(device) }
      #expect(found.map(\.node) == ["/dev/bus/usb/001/004"])
      let error = #expect(throws: QEMUError.self) { try device.check(on: self.host) }
      #expect(error?.description.contains("/dev/bus/usb/001/004 may not be opened") == true)
    }
    try write("dev/bus/usb/001/004")
    try named.check(on: host)
    // It may be plugged in later.
    try USBSelector.id(vendor: 1, product: 2).check(on: host)
    #expect(throws: QEMUError.self) {
      try USBSelector.address(bus: 2, device: 4).check(on: self.host)
    }
    for text in [
      "", "usb:", "usb:usb:1.4", "046d", "046d:", ":c52b", "046dd:1", "+1:1", "1.128", "0.1", "1.0",
      "a.b",
    ] {
      #expect(USBSelector(text) == nil, "\(text)")
    }
  }

  @Test func scsiDevicesAreFoundByAnyNode() throws {
    let device = "sys/devices/pci0/ata2/host1/target1:0:0/1:0:0:0"
    try write("\(device)/type", "5\n")
    try write("\(device)/scsi_generic/sg3/dev", "21:3\n")
    try link("sys/class/block/sr0/device", to: device)
    try link("sys/class/scsi_generic/sg3/device", to: device)
    for node in ["sr0", "sg3"] { try write("dev/\(node)") }
    try link("dev/cdrom", to: "dev/sr0")
    let expected = SCSIDevice(genericNode: "/dev/sg3", host: 1, channel: 0, target: 0, unit: 0)
    for node in ["/dev/sr0", "/dev/sg3", "/dev/cdrom"] {
      #expect(try host.scsiDevice(node) == expected)
    }
    try expected.check(on: host)
    try FileManager.default.removeItem(
      at: root.appendingPathComponent("\(device)/scsi_generic"))
    let error = #expect(throws: SCSIDeviceDefect.self) { try host.scsiDevice("/dev/sr0") }
    #expect(error?.description.contains("modprobe sg") == true)
    try write("dev/loop0")
    #expect(throws: SCSIDeviceDefect.notSCSI("/dev/loop0")) { try host.scsiDevice("/dev/loop0") }
  }

  @Test func networksAreChecked() throws {
    for text in ["user", "tap", "tap:tap0", "none"] {
      #expect(GuestNetwork(text)?.description == text)
    }
    for text in ["", "tap:", "tap:a/b", "tap:..", "tap:a b", "tap:0123456789abcdef", "bridge"] {
      #expect(GuestNetwork(text) == nil, "\(text)")
    }
    let tap = GuestNetwork.tap("tap0")
    #expect(throws: QEMUError.self) { try tap.check(root: self.root.path) }
    try write("dev/net/tun")
    try write("sys/class/net/tap0/address")
    let error = #expect(throws: QEMUError.self) { try tap.check(root: self.root.path) }
    #expect(error?.description.contains("is no TAP interface") == true)
    try write("sys/class/net/tap0/tun_flags")
    try tap.check(root: root.path)
  }

  // MARK: - PCI

  private func function(_ address: String, group: Int, driver: String?) throws {
    let own = "sys/bus/pci/devices/\(address)"
    for (file, text) in [("vendor", "0x10de"), ("device", "0x1380"), ("class", "0x030000")] {
      try write("\(own)/\(file)", "\(text)\n")
    }
    try write("sys/kernel/iommu_groups/\(group)/devices/\(address)")
    try link("\(own)/iommu_group", to: "sys/kernel/iommu_groups/\(group)")
    if let driver {
      try write("sys/bus/pci/drivers/\(driver)/uevent")
      try link("\(own)/driver", to: "sys/bus/pci/drivers/\(driver)")
    }
  }

  private func defect(_ slot: PassedSlot) -> String? {
    let host = HostHardware(root: FilePath(root.path))
    do {
      try slot.check(on: host, nodes: root.path)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func devicesMustBeVFIOs() throws {
    let first = try #require(PCIAddress("01:00.0"))
    let second = try #require(PCIAddress("01:00.1"))
    let slot = PassedSlot(role: .graphicsCard(hasVGA: true), functions: [second, first])
    #expect(defect(slot)?.hasPrefix("0000:01:00.0: no such PCI function") == true)
    try function("0000:01:00.0", group: 1, driver: "nouveau")
    try function("0000:01:00.1", group: 1, driver: nil)
    #expect(
      defect(slot) == """
        0000:01:00.0, 0000:01:00.1: bound to nouveau, no driver, not to vfio-pci; bind with `vgpu \
        pci bind 0000:01:00.0 0000:01:00.1 vfio-pci`
        """)
    // With what is in their group.
    try function("0000:02:00.1", group: 1, driver: "xhci_hcd")
    #expect(defect(slot)?.hasSuffix(" 0000:01:00.1 0000:02:00.1 vfio-pci`") == true)
    for folder in ["bus/pci/devices", "kernel/iommu_groups/1/devices"] {
      try FileManager.default.removeItem(
        at: root.appendingPathComponent("sys/\(folder)/0000:02:00.1"))
    }
    try FileManager.default.removeItem(
      at: root.appendingPathComponent("sys/bus/pci/devices/0000:01:00.0"))
    try FileManager.default.removeItem(
      at: root.appendingPathComponent("sys/bus/pci/devices/0000:01:00.1"))
    try function("0000:01:00.0", group: 1, driver: "vfio-pci")
    try function("0000:01:00.1", group: 1, driver: "nvgrace_gpu_vfio_pci")
    #expect(defect(slot)?.hasPrefix("/dev/vfio/1: may not be opened") == true)
    try write("dev/vfio/1")
    #expect(defect(slot) == nil)
    // What the kernel lets stay in a group.
    try function("0000:00:01.0", group: 1, driver: "pcieport")
    #expect(defect(slot) == nil)
    try function("0000:02:00.0", group: 1, driver: "e1000e")
    #expect(
      defect(slot)?.contains("the host uses 0000:02:00.0 (e1000e) in this group") == true)
  }

  /// NVIDIA's virtual GPUs of today: a virtual function that keeps NVIDIA's driver.
  @Test func aVirtualGPUNeedsNoVFIOPCI() throws {
    let slot = PassedSlot(
      role: .graphicsCard(hasVGA: false), functions: [try #require(PCIAddress("41:00.4"))])
    try function("0000:41:00.4", group: 44, driver: "nvidia")
    #expect(defect(slot)?.contains("bound to nvidia, not to vfio-pci") == true)
    try write("sys/bus/pci/devices/0000:41:00.4/vfio-dev/vfio0/dev")
    try write("dev/vfio/44")
    #expect(defect(slot) == nil)
  }

  /// Never is the advice to bind the host's own GPU for it.
  @Test(arguments: ["i915", "vfio-pci"])
  func aVirtualFunctionBesideItsPhysicalOne(driver: String) throws {
    let slot = PassedSlot(
      role: .graphicsCard(hasVGA: false), functions: [try #require(PCIAddress("00:02.1"))])
    try function("0000:00:02.0", group: 3, driver: "i915")
    try function("0000:00:02.1", group: 3, driver: driver)
    try link("sys/bus/pci/devices/0000:00:02.1/physfn", to: "sys/bus/pci/devices/0000:00:02.0")
    #expect(defect(slot)?.contains("must keep its driver") == true)
    #expect(defect(slot)?.contains("pci bind") == false)
  }

  @Test func withoutAnIOMMUThereIsNoGroup() throws {
    let own = "sys/bus/pci/devices/0000:00:02.0"
    for (file, text) in [("vendor", "0x8086"), ("device", "0x5916"), ("class", "0x030000")] {
      try write("\(own)/\(file)", "\(text)\n")
    }
    let slot = PassedSlot(
      role: .integratedGraphics, functions: [try #require(PCIAddress("00:02.0"))])
    #expect(defect(slot)?.contains("intel_iommu=on") == true)
  }

  @Test func everyGuestHasItsOwnAddress() {
    let first = GuestConfiguration(name: "a").networkAddress
    #expect(first == GuestConfiguration(name: "a").networkAddress)
    #expect(first != GuestConfiguration(name: "b").networkAddress)
    #expect(first.hasPrefix("52:54:00:") && first.utf8.count == 17)
  }
}
