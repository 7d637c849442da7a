// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import SystemPackage
import Testing
import VFIO
import VGPUDisplay

@Suite struct DisplaySourceTests {
  let driver = ScriptedDriver()

  private func shown(_ state: DisplayState) -> Frame? {
    if case .frame(let frame) = state { frame } else { nil }
  }

  /// One without the seal that `DMABuffer.allocate` gives.
  private func shrinkableFile(size: Int) throws -> OwnedFileDescriptor {
    let kernel = RunningKernel()
    let number = try SystemCall.make("memfd_create", on: "region") {
      kernel.createMemoryFile("region", flags: 0)
    }
    let fd = OwnedFileDescriptor(owning: Int32(number))
    #expect(kernel.truncate(fd.rawValue, length: UInt64(size)) == 0)
    return fd
  }

  private func excuse(_ state: DisplayState) -> NoPicture? {
    if case .noPicture(let reason) = state { reason } else { nil }
  }

  @Test func steadyStateFetchesEachBufferOnce() throws {
    for id in UInt32(1)...3 { try driver.putBuffer(id, size: 256 * 48) }
    let source = DisplaySource(driver)
    for step in 0..<300 {
      driver.primary = .success(plane(handle: UInt32(step % 3) + 1))
      #expect(shown(source.poll()) != nil)
    }
    #expect(driver.fetched == [1, 2, 3])
    #expect(source.counters.gets == 3)
    #expect(source.counters.flips == 300)
    #expect(source.counters.queries == 600, "one query a plane")
  }

  @Test func flipsCountOnlyOtherBuffers() throws {
    try driver.putBuffer(1, size: 256 * 48)
    try driver.putBuffer(2, size: 256 * 48)
    var time: UInt64 = 0
    let source = DisplaySource(driver, now: { MonotonicInstant(nanoseconds: time) })
    driver.primary = .success(plane(handle: 1))
    time = 5
    let first = try #require(shown(source.poll()))
    time = 6
    let again = try #require(shown(source.poll()))
    #expect(first.flip == 1 && again.flip == 1)
    #expect(again.detectedAt == MonotonicInstant(nanoseconds: 5))
    #expect(first.primary === again.primary)
    driver.primary = .success(plane(handle: 2))
    let second = try #require(shown(source.poll()))
    #expect(second.flip == 2)
    #expect(second.detectedAt == MonotonicInstant(nanoseconds: 6))
    #expect(second.primary.id != first.primary.id)
  }

  @Test(arguments: [
    plane(.argb8888, handle: 1), plane(modifier: .i915XTiled, handle: 1),
    plane(width: 32, handle: 1), plane(height: 24, handle: 1), plane(stride: 512, handle: 1),
    plane(size: 256 * 48 + 1, handle: 1),
  ]) func reusedIDsAreOtherBuffers(other: GraphicsPlane) throws {
    try driver.putBuffer(1, size: 512 * 48, byte: 1)
    let source = DisplaySource(driver)
    driver.primary = .success(plane(handle: 1))
    let before = try #require(shown(source.poll()))
    try driver.putBuffer(1, size: 512 * 48, byte: 2)
    driver.primary = .success(other)
    let after = try #require(shown(source.poll()))
    #expect(driver.fetched == [1, 1])
    #expect(after.primary !== before.primary)
    #expect(try after.primary.withPixels { bytes throws(SystemCallError) in bytes[0] } == 2)
    // Back again: what was held was let go, so the buffer behind the id is asked for anew.
    driver.primary = .success(plane(handle: 1))
    _ = source.poll()
    #expect(driver.fetched == [1, 1, 1])
  }

  @Test func guestWithEndlessBuffersIsBounded() throws {
    let source = DisplaySource(driver)
    weak var first: PlaneBuffer?
    for id in UInt32(1)...200 {
      try driver.putBuffer(id, size: 256 * 48)
      driver.primary = .success(plane(handle: id))
      let state = source.poll()
      if id == 1 { first = shown(state)?.primary }
      driver.buffers[id] = nil
    }
    #expect(first == nil, "the first buffer was let go")
  }

  @Test func planeThatIsOffIsNoError() throws {
    let source = DisplaySource(driver)
    guard case .planeOff? = excuse(source.poll()) else {
      Issue.record("a plane that is off")
      return
    }
    try driver.putBuffer(1, size: 256 * 48)
    driver.primary = .success(plane(handle: 1))
    #expect(shown(source.poll()) != nil)
    driver.primary = .success(.off)
    #expect(excuse(source.poll())?.isTransient == true)
    driver.primary = .success(plane(handle: 1))
    #expect(shown(source.poll()) != nil)
    #expect(driver.fetched == [1], "a blanked screen comes back to the buffers that are known")
  }

  @Test(arguments: [Errno.invalidArgument, .badAddress, .noMemory])
  func modeSetKeepsTheLastFrameForAWhile(errno: Errno) throws {
    var time: UInt64 = 1_000_000_000
    let source = DisplaySource(driver, now: { MonotonicInstant(nanoseconds: time) })
    driver.primary = .failure(.errno(errno))
    guard case .settingMode? = excuse(source.poll()) else {
      Issue.record("no frame was there yet")
      return
    }
    try driver.putBuffer(1, size: 256 * 48)
    driver.primary = .success(plane(handle: 1))
    #expect(shown(source.poll()) != nil)
    driver.primary = .failure(.errno(errno))
    #expect(shown(source.poll()) != nil)
    time += 900_000_000
    #expect(shown(source.poll()) != nil)
    time += 200_000_000
    guard case .settingMode? = excuse(source.poll()) else {
      Issue.record("still the last frame after more than a second")
      return
    }
    driver.primary = .success(plane(handle: 1))
    #expect(shown(source.poll()) != nil)
    #expect(source.counters.transients == 4)
  }

  @Test func bufferThatVanishesBeforeItIsFetchedIsTransient() throws {
    let source = DisplaySource(driver)
    driver.primary = .success(plane(handle: 9))
    #expect(excuse(source.poll())?.isTransient == true)
    try driver.putBuffer(9, size: 256 * 48)
    #expect(shown(source.poll()) != nil)
  }

  @Test(arguments: [Errno.operationNotSupportedByDevice, .ioError, .badFileDescriptor])
  func deviceThatIsGoneIsReported(errno: Errno) throws {
    try driver.putBuffer(1, size: 256 * 48)
    let source = DisplaySource(driver)
    driver.primary = .success(plane(handle: 1))
    #expect(shown(source.poll()) != nil)
    driver.primary = .failure(.errno(errno))
    let reason = try #require(excuse(source.poll()))
    #expect(!reason.isTransient)
    #expect(reason.description.contains("mdev 1"))
  }

  @Test func deviceWithoutDisplayIsNamed() throws {
    driver.transportAnswer = .success(nil)
    let reason = try #require(excuse(DisplaySource(driver).poll()))
    #expect(reason.description.contains("mdev 1: the device has no display"))
  }

  @Test func bufferShorterThanPromisedIsRefusedAndClosed() throws {
    try driver.putBuffer(1, size: 4096)
    let source = DisplaySource(driver)
    driver.primary = .success(plane(handle: 1))
    guard case .defective(.shortBuffer(size: 4096, needed: 256 * 48))? = excuse(source.poll())
    else {
      Issue.record("a picture beyond its buffer")
      return
    }
  }

  @Test(arguments: [
    plane(FourCC(rawValue: 0x2020_2020)), plane(width: 20000), plane(stride: 8),
  ]) func defectivePlanesAreNotFetched(plane: GraphicsPlane) throws {
    let source = DisplaySource(driver)
    driver.primary = .success(plane)
    guard case .defective? = excuse(source.poll()) else {
      Issue.record("accepted")
      return
    }
    #expect(driver.fetched.isEmpty)
  }

  @Test func cursorHasPositionAndHotspot() throws {
    try driver.putBuffer(1, size: 256 * 48)
    try driver.putBuffer(2, size: 64 * 64 * 4)
    let source = DisplaySource(driver)
    driver.primary = .success(plane(handle: 1))
    driver.cursor = .success(
      plane(
        .argb8888, width: 64, height: 64, stride: 256, x: 10, y: UInt32(bitPattern: -5),
        hotspotX: 3, hotspotY: 4, handle: 2))
    let cursor = try #require(shown(source.poll())?.cursor)
    #expect(cursor.x == 10 && cursor.y == -5)
    #expect(cursor.hotspot?.x == 3 && cursor.hotspot?.y == 4)
    driver.cursor = .success(plane(.argb8888, width: 64, height: 64, stride: 256, handle: 2))
    #expect(try #require(shown(source.poll())?.cursor).hotspot == nil)
    #expect(driver.fetched == [1, 2], "a moved cursor is the same buffer")
    driver.cursor = .success(plane(.argb8888, x: 1 << 20, handle: 2))
    #expect(try #require(shown(source.poll())).cursor == nil, "a position beyond every screen")
  }

  @Test(arguments: [Errno.invalidArgument, .operationNotSupportedByDevice])
  func brokenCursorCostsOnlyTheCursor(errno: Errno) throws {
    try driver.putBuffer(1, size: 256 * 48)
    let source = DisplaySource(driver)
    driver.primary = .success(plane(handle: 1))
    driver.cursor = .failure(.errno(errno))
    let frame = try #require(shown(source.poll()))
    #expect(frame.cursor == nil)
    #expect(source.counters.transients == 0)
  }

  /// A region is zapped while its device is reset; a file that is cut short raises the same SIGBUS.
  @Test func aRegionThatGoesIsAnErrorAndIsMappedAnew() throws {
    driver.transportAnswer = .success(.region)
    let file = try shrinkableFile(size: 256 * 48)
    driver.region = try file.duplicate(of: "region")
    let source = DisplaySource(driver)
    driver.primary = .success(plane(handle: 9))
    let before = try #require(shown(source.poll()))
    #expect(try Picture(copying: before.primary).width == 64)
    #expect(RunningKernel().truncate(file.rawValue, length: 0) == 0)
    let error = #expect(throws: Picture.CopyError.self) { try Picture(copying: before.primary) }
    guard case .unmappable(let cause) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(cause.errno == .badAddress)
    // As long as it is away, each look maps it and each reader is told.
    let meanwhile = try #require(shown(source.poll()))
    #expect(meanwhile.primary !== before.primary)
    #expect(throws: Picture.CopyError.self) { try Picture(copying: meanwhile.primary) }

    #expect(RunningKernel().truncate(file.rawValue, length: 256 * 48) == 0)
    let after = try #require(shown(source.poll()))
    #expect(after.flip == before.flip + 2)
    #expect(try Picture(copying: after.primary).width == 64)
    #expect(try #require(shown(source.poll())).primary === after.primary)
    #expect(driver.mapped.count == 3)
  }

  @Test func regionPlanesAreMappedOnce() throws {
    driver.transportAnswer = .success(.region)
    try driver.putBuffer(9, size: 256 * 48, byte: 7)
    let source = DisplaySource(driver)
    driver.primary = .success(plane(handle: 9))
    // As mdpy does: the same answer for every plane.
    driver.cursor = driver.primary
    for _ in 0..<10 { #expect(try #require(shown(source.poll())).cursor == nil) }
    #expect(driver.mapped.count == 1)
    #expect(driver.mapped.map(\.count) == [256 * 48])
    let frame = try #require(shown(source.poll()))
    #expect(try frame.primary.withPixels { bytes throws(SystemCallError) in bytes[99] } == 7)
    guard case .region = frame.primary.storage else {
      Issue.record("a region plane")
      return
    }
  }
}
