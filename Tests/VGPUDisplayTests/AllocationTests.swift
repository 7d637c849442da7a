// SPDX-License-Identifier: Apache-2.0

import CAllocationCount
import DMABuf
import LinuxSystem
import TestPatterns
import Testing
import VFIO
import VGPUDisplay

@Suite(.enabled(if: allocations_are_counted() != 0, "the sanitizers' allocator is not counted"))
struct AllocationTests {
  @Test func countingCounts() {
    let before = allocation_count()
    let array = [Int](unsafeUninitializedCapacity: 1000) { buffer, count in
      buffer[0] = 1
      count = 1
    }
    #expect(allocation_count() > before)
    _ = array
  }

  /// Flips among buffers that are known, with a cursor that moves, as a driver tells it.
  private final class Flipping: PlaneProvider {
    let name = "flipping"
    private let driver = ScriptedDriver()
    private var step: UInt32 = 0

    init() throws {
      for id in UInt32(1)...4 { try driver.putBuffer(id, size: 256 * 64) }
    }

    func transport() throws(VFIOError) -> PlaneTransport? { .dmaBuf }

    func query(_ type: PlaneType, _: PlaneTransport) throws(VFIOError) -> GraphicsPlane {
      step &+= 1
      return switch type {
      case .primary: plane(handle: step / 2 % 3 + 1)
      case .cursor: plane(.argb8888, height: 64, x: step % 50, y: step % 40, handle: 4)
      }
    }

    func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor { try driver.dmaBuf(id) }

    func mapPixels(inRegion index: UInt32, count: UInt64) throws(VFIOError) -> MappedMemory {
      try driver.mapPixels(inRegion: index, count: count)
    }
  }

  @Test func steadyStateAllocatesNothing() throws {
    let source = DisplaySource(try Flipping())
    for _ in 0..<100 { _ = source.poll() }
    var frames = 0
    let before = allocation_count()
    for _ in 0..<10_000 {
      if case .frame = source.poll() { frames += 1 }
    }
    let allocations = allocation_count() - before
    #expect(frames == 10_000)
    #expect(allocations == 0)
    #expect(source.counters.gets == 4)
  }

  @Test func syntheticGuestAllocatesNothing() throws {
    var time: UInt64 = 0
    let source = DisplaySource(
      try SyntheticGuest(
        pattern: TestPattern(width: 64, height: 64),
        clock: { MonotonicInstant(nanoseconds: time) }))
    for _ in 0..<10 {
      _ = source.poll()
      time += 20_000_000
    }
    let before = allocation_count()
    for _ in 0..<200 {
      _ = source.poll()
      time += 20_000_000
    }
    #expect(allocation_count() - before == 0)
  }
}
