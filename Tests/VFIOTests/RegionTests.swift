// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import VFIO

@Suite struct RegionTests {
  let kernel = FakeKernel()

  /// Lets the kernel describe a region: the fixed part, then a capability chain.
  private func answerRegion(
    flags: Int, first: UInt32, size: UInt64 = 0x1000, offset: UInt64 = 0x2000, chain: [UInt8] = [],
    claimed: UInt32? = nil
  ) {
    kernel.onIoctl(vgpu_VFIO_DEVICE_GET_REGION_INFO) { _, argument in
      guard let argument else { return -14 }
      let room = Int(argument.load(as: UInt32.self))
      let index = argument.load(fromByteOffset: 8, as: UInt32.self)
      var info = vfio_region_info()
      info.argsz = claimed ?? UInt32(32 + chain.count)
      info.flags = UInt32(flags)
      info.index = index
      info.cap_offset = room >= 32 + chain.count ? first : 0
      info.size = size
      info.offset = offset
      argument.storeBytes(of: info, as: vfio_region_info.self)
      if room >= 32 + chain.count {
        chain.withUnsafeBytes { bytes in
          if let start = bytes.baseAddress {
            (argument + 32).copyMemory(from: start, byteCount: bytes.count)
          }
        }
      }
      return 0
    }
  }

  private static let readable = Int(VFIO_REGION_INFO_FLAG_READ)
  private static let all =
    readable | Int(VFIO_REGION_INFO_FLAG_WRITE) | Int(VFIO_REGION_INFO_FLAG_MMAP)
  private static let caps = Int(VFIO_REGION_INFO_FLAG_CAPS)

  private static func header(_ id: UInt16, next: UInt32) -> [UInt8] {
    [UInt8(id & 255), UInt8(id >> 8), 1, 0] + withUnsafeBytes(of: next) { Array($0) }
  }

  private static func words<Integer: FixedWidthInteger>(_ values: Integer...) -> [UInt8] {
    values.flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }
  }

  @Test func plainRegion() throws {
    let device = try makeDevice(kernel)
    answerRegion(flags: Self.all, first: 0)
    let region = try device.regionInfo(2)
    #expect(region.index == 2)
    #expect(region.size == 0x1000)
    #expect(region.offset == 0x2000)
    #expect(region.flags == [.read, .write, .map])
    #expect(region.kind == nil)
    #expect(region.mappableAreas == nil)
    #expect(!region.isMSIXMappable)
  }

  @Test func capabilityChainIsFetchedWithMoreRoom() throws {
    let device = try makeDevice(kernel)
    let chain =
      Self.header(2, next: 32 + 16) + Self.words(UInt32(1), UInt32(1))
      + Self.header(1, next: 32 + 16 + 48) + Self.words(UInt32(2), UInt32(0))
      + Self.words(UInt64(0), 0x400, 0x800, 0x800)
      + Self.header(3, next: 0)
    answerRegion(flags: Self.all | Self.caps, first: 32, chain: chain)
    let region = try device.regionInfo(9)
    #expect(region.kind == .edid)
    #expect(region.mappableAreas == [0..<0x400, 0x800..<0x1000])
    #expect(region.isMSIXMappable)
    #expect(
      kernel.calls.filter { $0.request == vgpu_VFIO_DEVICE_GET_REGION_INFO }.count == 2)
  }

  /// A link into the fixed part, beyond the end, to itself, and backwards.
  private static let brokenLinks: [(UInt32, UInt32)] = [
    (8, 0), (32 + 9, 0), (1 << 30, 0), (32, 32), (32, 33), (32, 4096),
  ]

  @Test(arguments: brokenLinks) func brokenChainsAreRefused(first: UInt32, next: UInt32) throws {
    let device = try makeDevice(kernel)
    answerRegion(
      flags: Self.all | Self.caps, first: first,
      chain: Self.header(2, next: next) + Self.words(UInt32(1), UInt32(1)))
    #expect(throws: VFIOError.self) { try device.regionInfo(0) }
  }

  @Test func randomChainsNeverTrap() throws {
    let device = try makeDevice(kernel)
    var random = SeededGenerator(seed: 20)
    for _ in 0..<20_000 {
      let chain = (0..<Int.random(in: 0...96, using: &random)).map { _ in
        // Small numbers make plausible links and counts.
        UInt8.random(in: 0...(Bool.random(using: &random) ? 64 : 255), using: &random)
      }
      answerRegion(
        flags: Self.all | Self.caps, first: UInt32.random(in: 0...160, using: &random),
        size: UInt64.random(in: 0...(.max), using: &random),
        offset: UInt64.random(in: 0...(.max), using: &random), chain: chain)
      _ = try? device.regionInfo(0)
    }
  }

  @Test func endlessGrowthIsRefused() throws {
    let device = try makeDevice(kernel)
    answerRegion(flags: Self.all, first: 0, claimed: .max)
    #expect(throws: VFIOError.self) { try device.regionInfo(0) }
  }

  @Test(arguments: [1, 3, 4, 7, 64]) func shortTransfersAreContinued(step: Int) throws {
    let device = try makeDevice(kernel)
    answerRegion(flags: Self.all, first: 0, size: 64, offset: 16)
    let region = try device.regionInfo(0)
    let contents = (0..<80).map { UInt8($0) }
    kernel.setContents(contents, longestTransfer: step)
    var bytes = [UInt8](repeating: 0, count: 64)
    try bytes.withUnsafeMutableBytes { try device.read(region, at: 0, into: $0) }
    #expect(bytes == Array(contents[16...]))
    try Array(bytes.reversed()).withUnsafeBytes { try device.write(region, at: 0, from: $0) }
    #expect(Array(kernel.contents[16...]) == bytes.reversed())
  }

  @Test func transferThatEndsIsAnErrorNotALoop() throws {
    let device = try makeDevice(kernel)
    answerRegion(flags: Self.all, first: 0, size: 64, offset: 0)
    let region = try device.regionInfo(0)
    kernel.setContents([1, 2, 3])
    #expect(throws: VFIOError.self) { let _: UInt64 = try device.read(region, at: 0) }
  }

  @Test func integersHaveTheirOwnWidth() throws {
    let device = try makeDevice(kernel)
    answerRegion(flags: Self.all, first: 0, size: 16, offset: 0)
    let region = try device.regionInfo(0)
    kernel.setContents([UInt8](repeating: 0, count: 16))
    try device.write(region, at: 2, UInt16(0xB0C5))
    #expect(kernel.contents[2...3] == [0xC5, 0xB0])
    #expect(try device.read(region, at: 2, as: UInt16.self) == 0xB0C5)
    #expect(kernel.calls.contains { $0.name == "pwrite 2" && $0.value == 2 })
  }

  private static let outside: [(UInt64, Int)] = [(0, 65), (64, 1), (1, 64), (.max, 2)]

  @Test(arguments: outside)
  func accessOutsideIsRefusedBeforeTheKernelSeesIt(start: UInt64, count: Int) throws {
    let device = try makeDevice(kernel)
    answerRegion(flags: Self.all, first: 0, size: 64, offset: 0)
    let region = try device.regionInfo(0)
    let calls = kernel.calls.count
    var bytes = [UInt8](repeating: 0, count: count)
    #expect(throws: VFIOError.self) {
      try bytes.withUnsafeMutableBytes { try device.read(region, at: start, into: $0) }
    }
    #expect(kernel.calls.count == calls)
  }

  @Test func rightsOfARegionAreKept() throws {
    let device = try makeDevice(kernel)
    answerRegion(flags: Self.readable, first: 0)
    let region = try device.regionInfo(0)
    #expect(throws: VFIOError.self) { try device.write(region, at: 0, UInt8(1)) }
    #expect(throws: VFIOError.self) { _ = try device.map(region, access: .read) }
  }

  @Test func mappingOutsideTheMappableAreasIsRefused() throws {
    let device = try makeDevice(kernel)
    let chain =
      Self.header(1, next: 0) + Self.words(UInt32(1), UInt32(0)) + Self.words(UInt64(0), 0x400)
    answerRegion(flags: Self.all | Self.caps, first: 32, chain: chain)
    let region = try device.regionInfo(0)
    _ = try device.map(region, 0..<0x400, access: .readWrite)
    #expect(throws: VFIOError.self) { _ = try device.map(region, 0..<0x401, access: .read) }
    #expect(throws: VFIOError.self) { _ = try device.map(region, access: .read) }
    #expect(throws: VFIOError.self) { _ = try device.map(region, 4..<4, access: .read) }
  }
}
