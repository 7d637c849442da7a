// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing
import VFIO

/// A fake device: its descriptor in a fake kernel.
func makeDevice(
  _ kernel: FakeKernel, regions: UInt32 = 10, name: String = "mdev 1"
) throws(VFIOError) -> Device {
  kernel.onIoctl(vgpu_VFIO_DEVICE_GET_INFO) { _, argument in
    guard let info = argument?.assumingMemoryBound(to: vfio_device_info.self) else { return -14 }
    info.pointee.flags = UInt32(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET)
    info.pointee.num_regions = regions
    info.pointee.num_irqs = 5
    return 0
  }
  return try Device(
    owning: OwnedFileDescriptor(owning: kernel.makeFD(), kernel: kernel), name: name)
}

/// A fake group, `/dev/vfio/3`, with one device.
///
/// - Parameters:
///   - asked: the text by which the kernel knows the device.
///   - refusal: what it answers to any other text.
func makeGroup(_ kernel: FakeKernel, asked: String, refusal: Errno) throws -> Group {
  kernel.onOpen("/dev/vfio/3")
  kernel.onIoctl(vgpu_VFIO_GROUP_GET_STATUS) { _, argument in
    argument?.storeBytes(of: 1, toByteOffset: 4, as: UInt32.self)
    return 0
  }
  kernel.onIoctl(vgpu_VFIO_GROUP_GET_DEVICE_FD) { _, argument in
    guard let argument else { return -14 }
    let name = String(cString: argument.assumingMemoryBound(to: CChar.self))
    return name == asked ? Int(kernel.makeFD()) : -Int(refusal.rawValue)
  }
  return try Group(number: 3, kernel: kernel)
}

@Suite struct DeviceTests {
  let kernel = FakeKernel()

  @Test func tellsWhatItIsAndClosesOnce() throws {
    do {
      let device = try makeDevice(kernel)
      #expect(device.info.flags == [.pci, .reset])
      #expect(device.info.regionCount == 10)
      #expect(device.info.interruptCount == 5)
      #expect(kernel.openFDs.count == 1)
    }
    #expect(kernel.openFDs.isEmpty)
    #expect(kernel.closedTwice.isEmpty)
  }

  @Test func somethingElseIsRefusedAndClosed() {
    let fd = kernel.makeFD()
    let error = #expect(throws: VFIOError.self) {
      _ = try Device(owning: OwnedFileDescriptor(owning: fd, kernel: kernel), name: "a pipe")
    }
    #expect(error?.errno == .inappropriateIOCTLForDevice)
    #expect(error?.description.contains("not a VFIO device") == true)
    #expect(kernel.openFDs.isEmpty)
  }

  @Test(arguments: [0, 1, 5]) func interruptedCallsAreMadeAgain(times: Int) throws {
    let device = try makeDevice(kernel)
    kernel.onIoctl(vgpu_VFIO_DEVICE_RESET) { _, _ in 0 }
    kernel.interrupt(times)
    try device.reset()
    #expect(kernel.calls.filter { $0.request == vgpu_VFIO_DEVICE_RESET }.count == times + 1)
  }

  @Test(arguments: [
    (Errno.noSuchAddressOrDevice, "the device is gone"),
    (Errno.operationNotSupportedByDevice, "the device is gone"),
    (Errno.inappropriateIOCTLForDevice, "lacks this call"),
  ]) func errorsNameObjectCallCauseAndRemedy(errno: Errno, remedy: String) throws {
    let device = try makeDevice(kernel, name: "mdev 4711")
    kernel.onIoctl(vgpu_VFIO_DEVICE_RESET) { _, _ in -Int(errno.rawValue) }
    let error = #expect(throws: VFIOError.self) { try device.reset() }
    let text = try #require(error?.description)
    #expect(text.hasPrefix("mdev 4711: VFIO_DEVICE_RESET: "))
    #expect(text.contains(remedy))
    #expect(!text.contains("\n"))
    #expect(error?.errno == errno)
  }

  @Test func duplicateOutOfAnotherProcess() throws {
    _ = try makeDevice(kernel)
    kernel.setProcess(pidfd: nil, getfd: nil)
    do {
      let process = try RunningProcess(4711, kernel: kernel)
      let device = try Device(duplicating: 23, of: process, name: "pid 4711")
      #expect(device.name == "pid 4711")
      #expect(kernel.openFDs.count == 2)
    }
    #expect(kernel.openFDs.isEmpty)
  }

  @Test func rightsToDuplicateAreNamed() throws {
    kernel.setProcess(pidfd: nil, getfd: -Int(Errno.notPermitted.rawValue))
    do {
      let process = try RunningProcess(4711, kernel: kernel)
      let error = #expect(throws: VFIOError.self) {
        _ = try Device(duplicating: 23, of: process, name: "pid 4711")
      }
      let text = try #require(error?.description)
      #expect(text.contains("process 4711, descriptor 23"))
      #expect(text.contains("ptrace_scope"))
      #expect(text.contains("CAP_SYS_PTRACE"))
    }
    #expect(kernel.openFDs.isEmpty)
  }

  /// Whoever serves a file system would be asked by an ioctl, and answer what he likes, or never.
  @Test func fileOfAFileSystemIsAskedNothing() throws {
    kernel.onIoctl(vgpu_VFIO_DEVICE_GET_INFO) { _, _ in 0 }
    kernel.setStatus(.other)
    let error = #expect(throws: VFIOError.self) {
      _ = try Device(
        owning: OwnedFileDescriptor(owning: kernel.makeFD(), kernel: kernel), name: "a file")
    }
    #expect(error?.errno == .inappropriateIOCTLForDevice)
    #expect(!kernel.calls.contains { $0.name == "ioctl" })
    #expect(kernel.openFDs.isEmpty)
  }

  /// A descriptor's number can be of another file by the time that it is duplicated.
  @Test func groupIsAskedAgainWhenItIsDuplicated() throws {
    let process = try RunningProcess(4711, kernel: kernel)
    let number = DeviceNumber(major: 240, minor: 3)
    kernel.setStatus(.characterDevice(number))
    _ = try Group(duplicating: 7, of: process, device: number)
    for other in [.other, FileStatus.characterDevice(DeviceNumber(major: 240, minor: 4))] {
      kernel.setStatus(other)
      let error = #expect(throws: VFIOError.self) {
        _ = try Group(duplicating: 7, of: process, device: number)
      }
      #expect(error?.errno == .badFileDescriptor)
    }
  }

  @Test func receivedOverASocket() throws {
    _ = try makeDevice(kernel)
    kernel.setReceived([0], fd: kernel.makeFD())
    do {
      let device = try Device(receivingFrom: 5, name: "from a manager", kernel: kernel)
      #expect(device.info.flags.contains(.pci))
    }
    #expect(kernel.openFDs.isEmpty)
    kernel.setReceived([0], fd: -1)
    #expect(
      throws: VFIOError.malformed(
        object: "from a manager", reason: "a message without a file descriptor")
    ) {
      _ = try Device(receivingFrom: 5, name: "from a manager", kernel: kernel)
    }
  }

  @Test func opensByItsOwnNode() throws {
    _ = try makeDevice(kernel)
    kernel.onOpen("/dev/iommu")
    kernel.onOpen("/dev/vfio/devices/vfio0")
    kernel.onIoctl(vgpu_VFIO_DEVICE_BIND_IOMMUFD) { _, argument in
      guard let bind = argument?.assumingMemoryBound(to: vgpu_vfio_bind_iommufd.self) else {
        return -14
      }
      return bind.pointee.argsz == 16 && bind.pointee.flags == 0 && bind.pointee.iommufd > 1000
        ? 0 : -22
    }
    kernel.onIoctl(vgpu_IOMMU_IOAS_ALLOC) { _, argument in
      argument?.storeBytes(of: 77, toByteOffset: 8, as: UInt32.self)
      return 0
    }
    kernel.onIoctl(vgpu_VFIO_DEVICE_ATTACH_IOMMUFD_PT) { _, argument in
      argument?.load(fromByteOffset: 8, as: UInt32.self) == 77 ? 0 : -22
    }
    let iommufd = try IOMMUFD(kernel: kernel)
    let device = try Device(cdev: "/dev/vfio/devices/vfio0", iommufd: iommufd, kernel: kernel)
    try device.attach(to: try iommufd.makeAddressSpace())
  }

  @Test func busyNodePointsAtTheOtherProcess() {
    kernel.onOpen("/dev/vfio/12", fail: .resourceBusy)
    let error = #expect(throws: VFIOError.self) { _ = try Group(number: 12, kernel: kernel) }
    #expect(error?.description.contains("/dev/vfio/12") == true)
    #expect(error?.description.contains("pid:N") == true)
  }

  @Test func groupMustBeViable() {
    kernel.onOpen("/dev/vfio/12")
    kernel.onIoctl(vgpu_VFIO_GROUP_GET_STATUS) { _, _ in 0 }
    #expect(throws: VFIOError.groupNotViable(group: "/dev/vfio/12")) {
      _ = try Group(number: 12, kernel: kernel)
    }
    #expect(kernel.openFDs.isEmpty)
  }

  @Test func deviceNameReachesTheKernelAsAString() throws {
    _ = try makeDevice(kernel)
    let group = try makeGroup(
      kernel, asked: "0000:00:02.0", refusal: .operationNotSupportedByDevice)
    let device = try group.device(named: "0000:00:02.0")
    #expect(device.name == "0000:00:02.0")
    #expect(throws: VFIOError.self) { _ = try group.device(named: "0000:00:03.0") }
  }

  @Test func otherAPIVersionIsRefused() {
    kernel.onOpen("/dev/vfio/vfio")
    kernel.onIoctl(vgpu_VFIO_GET_API_VERSION) { _, _ in 1 }
    #expect(throws: VFIOError.unsupportedAPIVersion(object: "/dev/vfio/vfio", found: 1)) {
      _ = try Container(kernel: kernel)
    }
  }

  @Test func hotResetGrowsUntilAllNeighboursFit() throws {
    let device = try makeDevice(kernel)
    kernel.onIoctl(vgpu_VFIO_DEVICE_GET_PCI_HOT_RESET_INFO) { _, argument in
      guard let argument else { return -14 }
      argument.storeBytes(of: 2, toByteOffset: 8, as: UInt32.self)
      guard argument.load(as: UInt32.self) >= 12 + 2 * 8 else { return -28 }
      for index in 0..<2 {
        let entry = argument + 12 + index * 8
        entry.storeBytes(of: UInt32(40 + index), as: UInt32.self)
        entry.storeBytes(of: 0x1, toByteOffset: 4, as: UInt16.self)
        entry.storeBytes(of: 0x3A, toByteOffset: 6, as: UInt8.self)
        entry.storeBytes(of: UInt8(2 << 3 | index), toByteOffset: 7, as: UInt8.self)
      }
      return 0
    }
    let neighbours = try device.hotResetNeighbours()
    #expect(neighbours.map(\.owner) == [.group(40), .group(41)])
    #expect(neighbours.map(\.function) == [0, 1])
    #expect(neighbours.allSatisfy { $0.domain == 1 && $0.bus == 0x3A && $0.device == 2 })
  }

  /// A device that was opened by its own node has no groups: linux/vfio.h, Linux 6.6.
  @Test(
    arguments: [
      (0, HotResetNeighbour.Owner.owned), (-1, .notOwned), (1, .device(id: 1)),
      (0x7fff_ffff, .device(id: 0x7fff_ffff)), (-2, nil), (.min, nil),
    ] as [(Int32, HotResetNeighbour.Owner?)])
  func hotResetOfACdevTellsDeviceIDs(id: Int32, owner: HotResetNeighbour.Owner?) throws {
    let device = try makeDevice(kernel)
    kernel.onIoctl(vgpu_VFIO_DEVICE_GET_PCI_HOT_RESET_INFO) { _, argument in
      guard let argument else { return -14 }
      argument.storeBytes(of: 1, toByteOffset: 8, as: UInt32.self)
      guard argument.load(as: UInt32.self) >= 12 + 8 else { return -28 }
      // VFIO_PCI_HOT_RESET_FLAG_DEV_ID, and _DEV_ID_OWNED where that holds.
      argument.storeBytes(of: id >= 0 ? 3 : 1, toByteOffset: 4, as: UInt32.self)
      argument.storeBytes(of: id, toByteOffset: 12, as: Int32.self)
      return 0
    }
    if let owner {
      #expect(try device.hotResetNeighbours().map(\.owner) == [owner])
    } else {
      #expect(throws: VFIOError.self) { try device.hotResetNeighbours() }
    }
  }

  @Test func featuresAreProbedBothWays() throws {
    let device = try makeDevice(kernel)
    kernel.onIoctl(vgpu_VFIO_DEVICE_FEATURE) { _, argument in
      guard let flags = argument?.load(fromByteOffset: 4, as: UInt32.self) else { return -14 }
      // A device that can be told to master the bus, but not asked whether it does.
      return flags == UInt32(10 | 1 << 18 | 1 << 17) ? 0 : -25
    }
    #expect(try device.probe(.busMaster) == .set)
    #expect(try device.probe(.migration) == [])
  }

  @Test func interruptsAreSetWithOneNumberEach() throws {
    let device = try makeDevice(kernel)
    let seen = Mutex<[UInt8]>([])
    let sink = SendableBox(seen)
    kernel.onIoctl(vgpu_VFIO_DEVICE_SET_IRQS) { _, argument in
      guard let argument else { return -14 }
      let count = Int(argument.load(as: UInt32.self))
      sink.value.withLock { $0 = [UInt8](UnsafeRawBufferPointer(start: argument, count: count)) }
      return 0
    }
    try device.setInterrupts(PCIInterrupt.msix, from: 3, eventFDs: [7, nil])
    let bytes = sink.value.withLock { $0 }
    let words = bytes.withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
    // argsz, flags (eventfd | trigger), index, start, count, then a descriptor each.
    #expect(words == [28, 1 << 2 | 1 << 5, 2, 3, 2, 7, -1])
    try device.disableInterrupts(PCIInterrupt.msix)
    #expect(sink.value.withLock { $0.count } == 20)
  }
}

/// Lets a closure share a mutex, which cannot be copied into it.
final class SendableBox<Value: Sendable>: Sendable {
  let value: Mutex<Value>
  init(_ value: consuming Mutex<Value>) { self.value = value }
}
