// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing
import VFIO

/// The structures of VFIO_DEVICE_FEATURE, on a fake kernel: no driver that the tests have offers them.
@Suite struct FeatureTests {
  let kernel = FakeKernel()

  /// Answers one feature; `body` has the call's operation and the feature's own bytes.
  private func answer(
    _ feature: UInt32,
    _ body: @escaping @Sendable (_ isSet: Bool, _ data: UnsafeMutableRawBufferPointer) -> Int
  ) {
    kernel.onIoctl(vgpu_VFIO_DEVICE_FEATURE) { _, argument in
      guard let argument else { return -14 }
      let flags = argument.load(fromByteOffset: 4, as: UInt32.self)
      guard flags & 0xffff == feature else { return -25 }
      let size = Int(argument.load(as: UInt32.self))
      return body(
        flags & UInt32(VFIO_DEVICE_FEATURE_SET) != 0,
        UnsafeMutableRawBufferPointer(start: argument + 8, count: size - 8))
    }
  }

  @Test func deviceWithoutMigrationTellsSo() throws {
    let device = try makeDevice(kernel)
    #expect(try device.migrationModes() == nil)
    answer(1) { _, data in
      data.storeBytes(of: 5, as: UInt64.self)
      return data.count == 8 ? 0 : -22
    }
    #expect(try device.migrationModes() == [.stopCopy, .preCopy])
  }

  @Test func migrationGivesAStreamOnce() throws {
    let kernel = kernel
    let device = try makeDevice(kernel)
    let state = SendableBox(Mutex<UInt32>(2))
    answer(2) { isSet, data in
      guard data.count == 8 else { return -22 }
      guard isSet else {
        data.storeBytes(of: state.value.withLock { $0 }, as: UInt32.self)
        data.storeBytes(of: -1, toByteOffset: 4, as: Int32.self)
        return 0
      }
      let wanted = data.load(as: UInt32.self)
      state.value.withLock { $0 = wanted }
      // Only what begins a transfer has a stream.
      let fd = [3, 4, 6].contains(wanted) ? kernel.makeFD() : -1
      data.storeBytes(of: fd, toByteOffset: 4, as: Int32.self)
      return 0
    }
    kernel.onIoctl(vgpu_VFIO_MIG_GET_PRECOPY_INFO) { _, argument in
      guard let info = argument?.assumingMemoryBound(to: vgpu_vfio_precopy_info.self),
        info.pointee.argsz == 24
      else { return -22 }
      (info.pointee.initial_bytes, info.pointee.dirty_bytes, info.pointee.flags) = (9, 8, 1)
      return 0
    }
    #expect(try device.migrationState() == .running)
    let before = kernel.openFDs.count
    if let stream = try device.setMigrationState(.preCopy) {
      #expect(kernel.openFDs.count == before + 1)
      let estimate = try stream.estimate()
      #expect(estimate.initial == 9 && estimate.dirty == 8 && estimate.isNew)
      // The kernel has no flag that asks for close-on-exec.
      #expect(kernel.calls.contains { $0.name == "fcntl 2" && $0.fd == stream.rawValue })
    } else {
      Issue.record("no stream")
    }
    #expect(kernel.openFDs.count == before)
    let hasStream = try device.setMigrationState(.stop) != nil
    #expect(!hasStream)
    #expect(try device.migrationState() == .stop)
    state.value.withLock { $0 = 8 }
    #expect(
      throws: VFIOError.malformed(object: "mdev 1", reason: "migration state 8")
    ) { try device.migrationState() }
  }

  @Test func sizeOfAMigration() throws {
    let device = try makeDevice(kernel)
    answer(9) { isSet, data in
      data.storeBytes(of: 1 << 40, as: UInt64.self)
      return isSet || data.count != 8 ? -22 : 0
    }
    #expect(try device.migrationDataSize() == 1 << 40)
  }

  @Test func loggedPages() throws {
    let device = try makeDevice(kernel)
    answer(6) { isSet, data in
      guard isSet, data.count == 24, data.load(fromByteOffset: 8, as: UInt32.self) == 2,
        let ranges = UnsafePointer<UInt64>(
          bitPattern: UInt(data.load(fromByteOffset: 16, as: UInt64.self))),
        [0x1000, 0x3000, 0x10_0000, 0x1000] == (0..<4).map({ ranges[$0] })
      else { return -22 }
      // The driver logs larger pages.
      data.storeBytes(of: 65536, as: UInt64.self)
      return 0
    }
    #expect(
      try device.startDMALogging([0x1000..<0x4000, 0x10_0000..<0x10_1000], pageSize: 4096)
        == 65536)
    answer(7) { isSet, data in isSet && data.count == 0 ? 0 : -22 }
    try device.stopDMALogging()
    // 66 pages: pages 0, 63, 65, and what a driver may set behind the last one.
    answer(8) { isSet, data in
      guard !isSet, data.count == 32, data.load(as: UInt64.self) == 0x1000,
        data.load(fromByteOffset: 8, as: UInt64.self) == 66 * 4096 - 1,
        data.load(fromByteOffset: 16, as: UInt64.self) == 4096,
        let bitmap = UnsafeMutablePointer<UInt64>(
          bitPattern: UInt(data.load(fromByteOffset: 24, as: UInt64.self)))
      else { return -22 }
      bitmap[0] = 1 | 1 << 63
      bitmap[1] = ~1
      return 0
    }
    let end: UInt64 = 0x1000 + 66 * 4096 - 1
    let pages = try device.takeDMALog(of: 0x1000..<end, pageSize: 4096)
    #expect(pages.count == 3)
    let last: UInt64 = 0x1000 + 65 * 4096
    let written: [UInt64] = [0x1000, 0x1000 + 63 * 4096, last]
    #expect(pages.addresses == written)
    #expect(pages.contains(0x1fff) && !pages.contains(0x2000) && !pages.contains(0xfff))
    #expect(pages.contains(last) && !pages.contains(.max))
    for size: UInt64 in [0, 3, .max] {
      #expect(throws: VFIOError.self) { try device.takeDMALog(of: 0..<4096, pageSize: size) }
      #expect(throws: VFIOError.self) { try device.startDMALogging([], pageSize: size) }
    }
    #expect(throws: VFIOError.self) { try device.takeDMALog(of: 0..<(.max), pageSize: 4096) }
  }

  @Test func sleepAndBusMastering() throws {
    let device = try makeDevice(kernel)
    answer(3) { isSet, data in isSet && data.count == 0 ? 0 : -22 }
    try device.allowSleep()
    answer(4) { isSet, data in
      isSet && data.count == 8 && data.load(as: Int32.self) == 17 ? 0 : -22
    }
    try device.allowSleep(wakeup: 17)
    answer(5) { isSet, data in isSet && data.count == 0 ? 0 : -22 }
    try device.forbidSleep()
    answer(10) { isSet, data in isSet && data.count == 4 ? Int(-data.load(as: Int32.self)) : -22 }
    try device.setBusMaster(false)
    #expect(throws: VFIOError.self) { try device.setBusMaster(true) }
  }

  @Test func regionsPartsAsADMABuf() throws {
    let kernel = kernel
    let device = try makeDevice(kernel)
    kernel.onIoctl(vgpu_VFIO_DEVICE_GET_REGION_INFO) { _, argument in
      guard let info = argument?.assumingMemoryBound(to: vfio_region_info.self) else { return -14 }
      info.pointee.size = 0x10000
      return 0
    }
    answer(11) { isSet, data in
      let words = data.bindMemory(to: UInt32.self)
      guard !isSet, data.count == 48, words[0] == 2, words[2] == 0, words[3] == 2,
        words[1] == UInt32(O_CLOEXEC | O_RDWR), data.load(fromByteOffset: 16, as: UInt64.self) == 0,
        data.load(fromByteOffset: 32, as: UInt64.self) == 0x8000,
        data.load(fromByteOffset: 40, as: UInt64.self) == 0x8000
      else { return -22 }
      return Int(kernel.makeFD())
    }
    let region = try device.regionInfo(PCIRegion.bar(2))
    let parts: [Range<UInt64>] = [0..<0x1000, 0x8000..<0x10000]
    let buffer = try device.dmaBuf(of: region, parts, access: [.read, .write])
    #expect(kernel.openFDs.contains(buffer.rawValue))
    for part in [0..<0x10001, 0x1000..<0x1000] as [Range<UInt64>] {
      #expect(throws: VFIOError.self) {
        _ = try device.dmaBuf(of: region, [part], access: .read)
      }
    }
  }

  @Test func tokenIsAUUID() throws {
    let text = "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3"
    let token = try #require(VFToken(text.uppercased()))
    #expect("\(token)" == text)
    #expect(VFToken(bytes: [UInt8](repeating: 0, count: 15)) == nil)
    for wrong in [
      "", "bd8d9d2b", text + "0", text.replacing("-", with: "0"), "g" + text.dropFirst(),
      "é" + text.dropFirst(2), "+" + text.dropFirst(),
    ] {
      #expect(VFToken(wrong) == nil, "\(wrong)")
    }
    let device = try makeDevice(kernel)
    answer(0) { isSet, data in isSet && data.count == 16 && data[0] == 0xbd ? 0 : -22 }
    try device.setVFToken(token)

    let group = try makeGroup(
      kernel, asked: "0000:04:10.0 vf_token=\(text)", refusal: .permissionDenied)
    #expect(group.rawValue > 1000)
    #expect(try group.device(named: "0000:04:10.0", vfToken: token).name == "0000:04:10.0")
  }

  /// The capability chain of VFIO_DEVICE_GET_INFO.
  @Test(arguments: [(24, 5), (0, nil), (20, nil), (400, nil)] as [(UInt32, UInt32?)])
  func atomicOps(offset: UInt32, expected: UInt32?) throws {
    kernel.onIoctl(vgpu_VFIO_DEVICE_GET_INFO) { _, argument in
      guard let argument else { return -14 }
      let room = argument.load(as: UInt32.self)
      argument.storeBytes(of: 40, as: UInt32.self)
      argument.storeBytes(
        of: UInt32(VFIO_DEVICE_FLAGS_CAPS), toByteOffset: 4, as: UInt32.self)
      argument.storeBytes(of: offset, toByteOffset: 16, as: UInt32.self)
      guard room >= 40 else { return 0 }
      argument.storeBytes(of: 5, toByteOffset: 24, as: UInt16.self)
      argument.storeBytes(of: 1, toByteOffset: 26, as: UInt16.self)
      argument.storeBytes(of: 5, toByteOffset: 32, as: UInt32.self)
      return 0
    }
    func device() throws(VFIOError) -> Device {
      try Device(owning: OwnedFileDescriptor(owning: kernel.makeFD(), kernel: kernel), name: "d")
    }
    if offset == 0 || expected != nil {
      #expect(try device().info.atomicOps?.rawValue == expected)
    } else {
      #expect(throws: VFIOError.self) { _ = try device() }
    }
    #expect(kernel.openFDs.isEmpty)
  }
}
