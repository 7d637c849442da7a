// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol
import CLinux
import DMABuf
import Foundation
import LinuxSystem
import SystemPackage
import TestPatterns
import Testing
import VFIO
import VGPUDisplay

@testable import BridgeServer

/// A guest whose picture is in a region of its device, as mdpy's is: it draws into what it shows.
final class RegionGuest: PlaneProvider, @unchecked Sendable {
  // Sendable: the tests draw between looks, or from another thread on purpose, as a guest does.

  let name = "region guest"
  private(set) var pattern: TestPattern
  private let memory: DMABuffer
  private let pixels: DMABuffer.Mapping
  private var handle: UInt32 = 1

  init(_ pattern: TestPattern) throws {
    self.pattern = pattern
    memory = try DMABuffer.allocate(
      size: 4 << 20, name: "region", udmabuf: "/dev/there is none")
    pixels = try memory.map(.readWrite)
  }

  func draw(_ frame: UInt32) throws {
    try pixels.write { bytes throws(SystemCallError) in
      pattern.draw(frame: frame, into: bytes, stride: pattern.width * 4, everything: true)
    }
  }

  /// Sets a mode.
  func set(_ pattern: TestPattern) {
    self.pattern = pattern
    handle += 1
  }

  func transport() -> PlaneTransport? { .region }

  func query(_ type: PlaneType, _ transport: PlaneTransport) throws(VFIOError) -> GraphicsPlane {
    GraphicsPlane(
      format: FourCC.xrgb8888.rawValue, modifier: 0, width: UInt32(pattern.width),
      height: UInt32(pattern.height), stride: UInt32(pattern.width * 4),
      size: UInt32(pattern.width * 4 * pattern.height), handle: handle)
  }

  func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor {
    throw .unsupported(object: name, feature: "dma-buf")
  }

  func mapPixels(inRegion index: UInt32, count: UInt64) throws(VFIOError) -> MappedMemory {
    do {
      return try MappedMemory(
        memory.duplicate(), count: Int(count), access: .read, of: "region \(index)")
    } catch {
      throw .system(error)
    }
  }
}

/// Pictures in regions of devices, which have no descriptors.
@Suite(.serialized) struct RegionCopyTests {
  /// A clock that goes on by a step whenever it is read.
  private final class Clock {
    var time = MonotonicInstant(nanoseconds: 1_000_000_000)
    var step = Duration.zero

    func read() -> MonotonicInstant {
      time = time.advanced(by: step)
      return time
    }
  }

  private let clock = Clock()
  private let guest: RegionGuest
  private let source: DisplaySource<RegionGuest>
  private let copies: RegionCopies

  init() throws {
    guest = try RegionGuest(TestPattern(width: 256, height: 256))
    source = DisplaySource(guest)
    copies = RegionCopies(now: { [clock] in clock.read() })
  }

  private func look(sharers: Int? = 1) -> Frame? {
    let state = copies.passable(source.poll(), name: "guest", sharers: sharers)
    return if case .frame(let frame) = state { frame } else { nil }
  }

  private func expect(
    _ frame: Frame, shows number: UInt32, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let picture = try Picture(copying: frame.primary)
    let pattern = guest.pattern
    var wrong = 0
    for y in 0..<picture.height {
      for x in 0..<picture.width
      where picture.color(x: x, y: y) != pattern.color(x: x, y: y, frame: number) { wrong += 1 }
    }
    #expect(
      wrong == 0 && picture.width == pattern.width && picture.height == pattern.height,
      sourceLocation: location)
  }

  @Test func copyThatDiffersIsAFlip() throws {
    try guest.draw(1)
    let first = try #require(look())
    try expect(first, shows: 1)
    #expect(copies.isCopying && copies.changes == 0)
    let again = try #require(look())
    #expect(again.flip == first.flip && again.primary === first.primary)
    #expect(again.detectedAt == first.detectedAt)
    try guest.draw(2)
    let second = try #require(look())
    #expect(second.flip == first.flip + 1 && second.primary !== first.primary)
    try expect(second, shows: 2)
    try guest.draw(3)
    let third = try #require(look())
    #expect(third.flip == first.flip + 2 && third.primary !== second.primary)
    #expect(third.primary !== first.primary)
    try expect(third, shows: 3)
    #expect(copies.changes == 2)
  }

  @Test func clientsCannotWriteWhatTheyGet() throws {
    try guest.draw(1)
    let frame = try #require(look())
    guard case .dmaBuf(let buffer) = frame.primary.storage else {
      Issue.record("no descriptor")
      return
    }
    #expect(buffer.backing == .memoryFile)
    #expect(throws: SystemCallError.self) { _ = try buffer.map(.readWrite) }
    #expect(pwrite(buffer.rawValue, "x", 1, 0) == -1 && errno == EPERM)
    #expect(ftruncate(buffer.rawValue, 0) == -1 && errno == EPERM)
    #expect(ftruncate(buffer.rawValue, off_t(buffer.size) * 2) == -1 && errno == EPERM)
    try expect(frame, shows: 1)
  }

  /// 256x256 pixels are four pieces. Each reading of the clock takes 2 ms, of which a slice has 4.
  @Test func longCopyTakesSeveralLooksAndAQuarterOfTheTime() throws {
    try guest.draw(1)
    clock.step = .milliseconds(2)
    #expect(look() == nil, "two pieces and their clock are a slice")
    let resting = clock.time
    #expect(look() == nil)
    // The bridge rests for three times as long as it copied.
    clock.time = clock.time.advanced(by: .milliseconds(30))
    let frame = try #require(look())
    try expect(frame, shows: 1)
    #expect(clock.time > resting)
    // While it rests, what was copied before is shown.
    try guest.draw(2)
    let old = try #require(look())
    #expect(old.primary === frame.primary && old.flip == frame.flip)
    try expect(old, shows: 1)
  }

  /// Copies of many guests take no more of the bridge's time together.
  @Test(arguments: [1, 5]) func timeIsShared(sharers: Int) throws {
    try guest.draw(1)
    clock.step = .microseconds(100)
    let start = clock.time
    let first = try #require(look(sharers: sharers))
    // The first reading is when the copy starts.
    let copied = start.duration(to: clock.time) - clock.step
    clock.step = .zero
    try guest.draw(2)
    clock.time = clock.time.advanced(by: copied * (4 * sharers - 1) - .microseconds(101))
    #expect(try #require(look(sharers: sharers)).flip == first.flip)
    clock.time = clock.time.advanced(by: .microseconds(202))
    #expect(try #require(look(sharers: sharers)).flip == first.flip + 1)
  }

  @Test func nobodyLooksAndNothingIsCopied() throws {
    try guest.draw(1)
    #expect(look(sharers: nil) == nil)
    let first = try #require(look())
    try guest.draw(2)
    #expect(look(sharers: nil)?.flip == first.flip)
    #expect(look()?.flip == first.flip + 1)
  }

  /// A guest that sets modes without an end has clients hold few files, and not one for each mode.
  @Test func modesShareFiles() throws {
    var files: Set<UInt64> = []
    var buffers: Set<UInt64> = []
    for round in 0..<40 {
      guest.set(TestPattern(width: 64 + 32 * (round % 6), height: 256))
      try guest.draw(UInt32(round))
      let frame = try #require(look())
      try expect(frame, shows: UInt32(round))
      guard case .dmaBuf(let buffer) = frame.primary.storage else { continue }
      var status = stat()
      try #require(fstat(buffer.rawValue, &status) == 0)
      files.insert(UInt64(status.st_ino))
      #expect(buffers.insert(frame.primary.id).inserted, "no id stands for two pictures")
    }
    // 64 KiB to 256 KiB are three powers of two.
    #expect(files.count <= 9 && buffers.count == 40)
  }

  /// A picture that is upside down, and a part of its image, in dma-bufs that a guest flips among.
  @Test func whatTheProtocolCannotDescribeIsCopied() throws {
    let memory = try (0..<2).map {
      try DMABuffer.allocate(size: 4 * 41 * 31, name: "image \($0)", udmabuf: "/none")
    }
    let info = try PlaneInfo(
      checking: ImageLayout(width: 41, height: 31, format: .xrgb8888, stride: 41 * 4),
      crop: PixelRectangle(x: 2, y: 3, width: 35, height: 27), isUpsideDown: true)
    let buffers = try memory.map { try PlaneBuffer(info, buffer: $0) }
    func draw(_ index: Int, _ frame: UInt32) throws {
      try memory[index].map(.readWrite).write { bytes throws(SystemCallError) in
        for y in 0..<27 {
          for x in 0..<35 {
            bytes.storeBytes(
              of: frame << 16 | UInt32(y << 8 | x), toByteOffset: ((3 + 26 - y) * 41 + 2 + x) * 4,
              as: UInt32.self)
          }
        }
      }
    }
    func passed(_ index: Int, flip: UInt64) throws -> Frame {
      let frame = Frame(primary: buffers[index], cursor: nil, flip: flip, detectedAt: clock.time)
      let state = copies.passable(.frame(frame), name: "guest", sharers: 1)
      guard case .frame(let passed) = state else {
        throw SystemCallError(call: "copy", object: "\(state)", errno: .noMemory)
      }
      return passed
    }
    var flip: UInt64 = 0
    for frame in UInt32(1)...6 {
      try draw(Int(frame % 2), frame)
      let shown = try passed(Int(frame % 2), flip: UInt64(frame))
      #expect(copies.isCopying && shown.primary.isWhole && shown.primary.size == info.size)
      #expect(shown.flip > flip)
      flip = shown.flip
      let picture = try Picture(copying: shown.primary)
      for y in 0..<27 {
        for x in 0..<35 {
          #expect(picture.color(x: x, y: y) == frame << 16 | UInt32(y << 8 | x))
        }
      }
    }
    // A picture that only a GPU can read.
    let tiled = try PlaneBuffer(
      PlaneInfo(
        checking: ImageLayout(
          width: 32, height: 31, format: .xrgb8888, modifier: .i915XTiled, stride: 32 * 4),
        isUpsideDown: true), buffer: memory[0])
    let state = copies.passable(
      .frame(Frame(primary: tiled, cursor: nil, flip: 9, detectedAt: clock.time)), name: "guest",
      sharers: 1)
    guard case .noPicture(.unavailable(let error)) = state else {
      Issue.record("\(state)")
      return
    }
    #expect("\(error)".contains("only the GPU can read"))
  }

  @Test func regionCrossesTheBridge() throws {
    let guest = try RegionGuest(TestBridge.pattern)
    try guest.draw(1)
    let bridge = try TestBridge(region: guest)
    let source = try BridgeSource(path: bridge.path)
    let first = BridgeTests.frame(of: source)
    for number in 2..<12 {
      try guest.draw(UInt32(number))
      let flip = first.flip + UInt64(number) - 1
      let frame = BridgeTests.frame(of: source) { $0.flip >= flip }
      #expect(frame.flip == flip)
      let picture = try Picture(copying: frame.primary)
      #expect(
        picture.color(x: 40, y: 40)
          == TestBridge.pattern.color(x: 40, y: 40, frame: UInt32(number)))
    }
    #expect(source.counters.gets == 3)
    let listing = try BridgeListing(path: bridge.path)
    #expect(listing.vGPUs.map(\.flips) == [11])
  }
}
