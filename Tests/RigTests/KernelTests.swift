// SPDX-License-Identifier: Apache-2.0

import CLinux
import DMABuf
import Glibc
import HostDevices
import LinuxSystem
import SystemPackage
import TestPatterns
import Testing
import VFIO

extension RigTests {
  /// The VFIO library on the kernel's own drivers.
  @Suite struct KernelTests {
    enum Interface {
      case group
      case cdev

      /// Debian's kernel has no iommufd.
      static let available: [Interface] =
        access("/dev/iommu", F_OK) == 0 ? [.group, .cdev] : [.group]
      /// Scripts/test knows this reason.
      static let noIOMMUFD: Comment = "Debian's kernel has no iommufd"
    }

    /// Opens a device as a VM manager does; its group, where there is one, is kept by `body`'s end.
    private func withDevice<Result>(
      _ type: String, _ interface: Interface, _ body: (borrowing Device) throws -> Result
    ) throws -> Result {
      try Rig.withVGPU(type) { vGPU in
        switch interface {
        case .group:
          let container = try Container()
          let group = try Group(number: try #require(vGPU.iommuGroup))
          #expect(try !group.status().contains(.hasContainer))
          try group.setContainer(container)
          #expect(try group.status() == [.viable, .hasContainer])
          #expect(try container.supports(.type1v2))
          try container.setIOMMU(.type1v2)
          return try body(try group.device(named: "\(vGPU.uuid)"))
        case .cdev:
          let iommufd = try IOMMUFD()
          let device = try Device(cdev: try #require(vGPU.deviceNode), iommufd: iommufd)
          try device.attach(to: try iommufd.makeAddressSpace())
          return try body(device)
        }
      }
    }

    /// What the kernel answers where a device has an owner already, and what we make of it.
    @Test(.enabled(if: Interface.available.contains(.cdev), Interface.noIOMMUFD))
    func boundDeviceIsNotBoundAgain() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let node = try #require(vGPU.deviceNode)
        let iommufd = try IOMMUFD()
        func expectRefusal(_ errno: Errno, location: SourceLocation = #_sourceLocation) {
          let error = #expect(throws: VFIOError.self, sourceLocation: location) {
            _ = try Device(cdev: node, iommufd: iommufd)
          }
          #expect(error?.errno == errno, sourceLocation: location)
          #expect(error?.description.contains("pid:N") == true, sourceLocation: location)
        }
        do {
          let first = try Device(cdev: node, iommufd: iommufd)
          expectRefusal(.invalidArgument)
          #expect(first.info.regionCount > 0)
          // An mdev has no IOMMU of its own.
          let none = #expect(throws: VFIOError.self) { try iommufd.hardware(of: first) }
          #expect(none?.errno == .noSuchFileOrDirectory)
        }
        let container = try Container()
        let group = try Group(number: try #require(vGPU.iommuGroup))
        try group.setContainer(container)
        expectRefusal(.resourceBusy)
        #expect(try group.status().contains(.hasContainer))
      }
    }

    @Test(arguments: Interface.available) func deviceDescribesItself(interface: Interface) throws {
      try withDevice("mbochs-small", interface) { device in
        #expect(device.info.flags.contains(.pci))
        #expect(device.info.regionCount == 10)
        let config = try device.regionInfo(PCIRegion.config)
        #expect(try device.read(config, at: 0, as: UInt32.self) == 0x1111_1234)
        let memory = try device.regionInfo(PCIRegion.bar(0))
        #expect(memory.size == 4 << 20)
        #expect(memory.flags == [.read, .write, .map])
        let edid = try device.regionInfo(9)
        #expect(edid.kind == .edid)
        #expect(try device.regionInfo(PCIRegion.bar(5)).size == 0)
        #expect(throws: VFIOError.self) { try device.regionInfo(4711) }
        #expect(try device.interruptInfo(PCIInterrupt.intx).index == PCIInterrupt.intx)
        #expect(try device.probe(.migration) == [])
        #expect(try device.migrationModes() == nil)
        #expect(device.info.atomicOps == nil)
        #expect((device.iommufdID != nil) == (interface == .cdev))
        #expect(throws: VFIOError.self) { try device.hotResetNeighbours() }
      }
    }

    @Test(arguments: Interface.available) func registersKeepWhatIsWritten(interface: Interface)
      throws
    {
      try withDevice("mbochs-small", interface) { device in
        let registers = try device.regionInfo(PCIRegion.bar(2))
        #expect(try device.read(registers, at: 0x500, as: UInt16.self) == 0xB0C5)
        try device.write(registers, at: 0x502, UInt16(800))
        #expect(try device.read(registers, at: 0x502, as: UInt16.self) == 800)
      }
    }

    @Test(arguments: Interface.available) func dmaBufShowsWhatWasWritten(interface: Interface)
      throws
    {
      try withDevice("mbochs-small", interface) { device in
        let pattern = TestPattern(width: 640, height: 480)
        let memory = try device.map(device.regionInfo(PCIRegion.bar(0)), access: .readWrite)
        let mutable = memory.mutableBytes
        let bytes = try #require(mutable)
        pattern.draw(frame: 7, into: bytes, stride: 2560, everything: true)
        let registers = try device.regionInfo(PCIRegion.bar(2))
        let display = try device.displayDevice()
        #expect(try display.transport() == .dmaBuf)
        #expect(try display.query(.primary, .dmaBuf).isOff)
        #expect(try display.query(.cursor, .dmaBuf).isOff)
        for (register, value) in [
          (4, 0), (1, 640), (2, 480), (3, 32), (6, 640), (7, 960), (9, 0), (4, 0x41),
        ] {
          try device.write(registers, at: 0x500 + UInt64(register) * 2, UInt16(value))
        }
        // The first query after a mode change answers ENOMEM.
        _ = try? display.query(.primary, .dmaBuf)
        let plane = try display.query(.primary, .dmaBuf)
        #expect(plane.width == 640 && plane.height == 480 && plane.stride == 2560)
        #expect(plane.format == FourCC.xrgb8888.rawValue)
        #expect(plane.modifier == 0)
        #expect(plane.size == 2560 * 480)
        let fd = try display.dmaBuf(plane.handle)
        #expect(fcntl(fd.rawValue, F_GETFD) == FD_CLOEXEC)
        let buffer = try DMABuffer(owning: fd, name: "mbochs")
        #expect(buffer.backing == .dmaBuf)
        #expect(buffer.size >= 2560 * 480)
        try buffer.map(.read).read { shown throws(SystemCallError) in
          #expect(isSame(shown, bytes, 2560 * 480))
          // And what is drawn later is seen too.
          pattern.draw(frame: 8, into: bytes, stride: 2560, everything: false)
          #expect(isSame(shown, bytes, 2560 * 480))
        }
        // Another offset is another buffer.
        try device.write(registers, at: 0x512, UInt16(480))
        _ = try? display.query(.primary, .dmaBuf)
        #expect(try display.query(.primary, .dmaBuf).handle != plane.handle)
        #expect(throws: VFIOError.self) { _ = try display.dmaBuf(0xFFFF) }
      }
    }

    @Test func regionPlaneShowsWhatWasWritten() throws {
      try withDevice("mdpy-vga", .group) { device in
        let display = try device.displayDevice()
        #expect(try display.transport() == .region)
        let plane = try display.query(.primary, .region)
        #expect(plane.width == 640 && plane.height == 480)
        let region = try device.regionInfo(plane.handle)
        let memory = try device.map(region, 0..<UInt64(plane.size), access: .readWrite)
        let seen = try display.mapPixels(
          in: display.regionInfo(plane.handle), count: UInt64(plane.size))
        let writable = seen.mutableBytes
        #expect(writable == nil)
        memory.mutableBytes?[4711] = 99
        let byte = seen.bytes[4711]
        #expect(byte == 99)
        #expect(throws: VFIOError.self) {
          _ = try display.mapPixels(in: region, count: region.size + 1)
        }
      }
    }

    @Test(arguments: Interface.available) func monitorCanBeExchanged(interface: Interface) throws {
      try withDevice("mbochs-medium", interface) { device in
        let found = try device.monitorPort()
        guard let port = consume found else {
          Issue.record("mbochs has an EDID region")
          return
        }
        #expect(port.maximumSize?.width == 1920)
        #expect(port.maximumSize?.height == 1440)
        try port.setLink(up: false)
        #expect(try !port.isLinkUp())
        let blob = (0..<128).map { UInt8($0) }
        try port.setEDID(blob)
        try port.setLink(up: true)
        #expect(try port.isLinkUp())
        #expect(try port.edid() == blob)
      }
      try withDevice("mdpy-vga", interface) { device in
        let hasPort = try device.monitorPort() != nil
        #expect(!hasPort)
      }
    }

    @Test func memoryIsMappedForDMA() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * page, alignment: page)
        defer { memory.deallocate() }
        let container = try Container()
        let group = try Group(number: try #require(vGPU.iommuGroup))
        try group.setContainer(container)
        try container.setIOMMU(.type1v2)
        let info = try container.iommuInfo()
        #expect(info.pageSizes.map { $0 & UInt64(page) != 0 } == true)
        try container.mapDMA(memory, at: 0x10_0000, access: [.read, .write])
        #expect(throws: VFIOError.self, "mapped already") {
          try container.mapDMA(memory, at: 0x10_0000, access: .read)
        }
        #expect(try container.unmapDMA(at: 0x10_0000, count: UInt64(4 * page)) == 4 * page)
        #expect(try container.unmapDMA(at: 0x10_0000, count: UInt64(4 * page)) == 0)
      }
    }

    @Test(.enabled(if: Interface.available.contains(.cdev), Interface.noIOMMUFD))
    func memoryIsMappedForDMAByIOMMUFD() throws {
      try Rig.withVGPU("mbochs-small") { _ in
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * page, alignment: page)
        defer { memory.deallocate() }
        let iommufd = try IOMMUFD()
        let space = try iommufd.makeAddressSpace()
        try iommufd.map(memory, at: 0x10_0000, in: space, access: [.read, .write])
        #expect(
          try iommufd.unmap(at: 0x10_0000, count: UInt64(4 * page), in: space) == 4 * page)
        #expect(try !iommufd.addressRanges(of: space).isEmpty)

        // The kernel chooses among the allowed addresses, and a second space gets the same memory.
        try iommufd.allow([0x40_0000...0x4f_ffff], in: space)
        let chosen = try iommufd.map(memory, in: space, access: [.read, .write])
        #expect((0x40_0000...0x4f_ffff).contains(chosen))
        let other = try iommufd.makeAddressSpace()
        let range = chosen..<(chosen + UInt64(4 * page))
        #expect(
          try iommufd.copy(range, of: space, at: 0x20_0000, to: other, access: .read) == 0x20_0000)
        let nothing = #expect(throws: VFIOError.self) {
          try iommufd.copy(0..<UInt64(page), of: space, to: other, access: .read)
        }
        #expect(nothing?.errno == .noSuchFileOrDirectory)
        #expect(try iommufd.unmap(at: 0x20_0000, count: UInt64(4 * page), in: other) == 4 * page)
        // A guest's memory as a whole, or nothing of it.
        let half = UnsafeMutableRawBufferPointer(rebasing: memory[..<(2 * page)])
        let rest = UnsafeMutableRawBufferPointer(rebasing: memory[(2 * page)...])
        try iommufd.map([DMAMapping(half, at: 0), DMAMapping(rest, at: 0x8000_0000)], in: other)
        #expect(throws: VFIOError.self) {
          try iommufd.map(
            [DMAMapping(half, at: 0x10_0000), DMAMapping(rest, at: 0x8000_0000)], in: other)
        }
        #expect(try iommufd.unmap(at: 0, count: .max, in: other) == 4 * page)
        // Linux 6.12 maps no files yet.
        let file = #expect(throws: VFIOError.self) {
          try iommufd.map(file: 0, 0..<UInt64(page), in: other, access: .read)
        }
        #expect(file?.errno == .inappropriateIOCTLForDevice)
        try iommufd.destroy(other)

        #expect(try iommufd.usesHugePages(space))
        try iommufd.setUsesHugePages(false, in: space)
        #expect(try !iommufd.usesHugePages(space))
        let fresh = try IOMMUFD()
        #expect(try !fresh.countsByProcess())
        try fresh.setCountsByProcess(true)
        #expect(try fresh.countsByProcess())
        _ = try iommufd.unmap(at: 0, count: .max, in: space)
        try iommufd.destroy(space)
        #expect(throws: VFIOError.self) { try iommufd.destroy(space) }
      }
    }

    @Test(arguments: Interface.available) func deviceTravelsOverASocket(interface: Interface) throws
    {
      var ends: [Int32] = [0, 0]
      #expect(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
      defer { for end in ends { close(end) } }
      try withDevice("mbochs-small", interface) { device in
        try device.send(to: ends[0])
        let received = try Device(receivingFrom: ends[1], name: "received")
        #expect(received.info == device.info)
        #expect(fcntl(received.rawValue, F_GETFD) == FD_CLOEXEC)
      }
    }

    @Test func secondOpenerIsTold() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let number = try #require(vGPU.iommuGroup)
        let group = try Group(number: number)
        let error = #expect(throws: VFIOError.self) { _ = try Group(number: number) }
        #expect(error?.errno == .resourceBusy)
        _ = consume group
        _ = try Group(number: number)
      }
    }

    @Test func descriptorsOfOtherProcessesAreFoundAndDuplicated() throws {
      for interface in Interface.available.map({ "\($0)" }) {
        try Rig.withGuest(
          "mbochs-small", ["--mode", "64x64", "--fps", "0", "--interface", interface]
        ) {
          _, guest in
          let found = try ProcessDevices.descriptors(of: RunningProcess(guest.pid))
          let device = try #require(
            found.first {
              if case .group = $0.target { false } else { true }
            })
          let duplicate = try Device(
            duplicating: device.number, of: RunningProcess(guest.pid), name: "guest")
          let display = try duplicate.displayDevice()
          _ = try? display.query(.primary, .dmaBuf)
          #expect(try display.query(.primary, .dmaBuf).width == 64)
        }
      }
    }

    @Test func whatIsNoDeviceIsRefused() throws {
      let fd = try OwnedFileDescriptor.open("/dev/null", flags: O_RDWR)
      let error = #expect(throws: VFIOError.self) {
        _ = try Device(owning: fd.duplicate(of: "/dev/null"), name: "/dev/null")
      }
      #expect(error?.errno == .inappropriateIOCTLForDevice)
      #expect(throws: VFIOError.self) { _ = try Group(number: 4711) }
    }
  }
}

private func isSame(
  _ left: UnsafeRawBufferPointer, _ right: UnsafeMutableRawBufferPointer, _ count: Int
) -> Bool {
  guard let a = left.baseAddress, let b = right.baseAddress, left.count >= count,
    right.count >= count
  else { return false }
  return memcmp(a, b, count) == 0
}
