// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import TestPatterns
import Testing
import VGPUDisplay

@Suite struct SyntheticGuestTests {
  private static let sizes: [(Int, Int)] = [(640, 480), (64, 64), (33, 17), (1, 1), (1023, 5)]

  @Test(arguments: sizes, TestPattern.Live.allCases)
  func everyPixelIsTheDocumentedOne(size: (Int, Int), live: TestPattern.Live) throws {
    let pattern = TestPattern(width: size.0, height: size.1, live: live)
    var time: UInt64 = 0
    let source = DisplaySource(
      try SyntheticGuest(
        pattern: pattern, framesPerSecond: 60, clock: { MonotonicInstant(nanoseconds: time) }))
    for frame in [UInt32(0), 1, 2, 3, 7, 0x1234] {
      time = UInt64(frame) * 1_000_000_000 / 60 + 1_000_000
      guard case .frame(let shown) = source.poll() else {
        Issue.record("no picture")
        return
      }
      let picture = try Picture(copying: shown.primary)
      var wrong = 0
      for y in 0..<size.1 {
        for x in 0..<size.0
        where picture.color(x: x, y: y) != pattern.color(x: x, y: y, frame: frame) {
          wrong += 1
        }
      }
      #expect(wrong == 0)
      if size.0 >= 32, size.1 >= 32, live != .spot {
        #expect(pattern.frameNumber(color: picture.color) == frame)
      }
    }
    #expect(source.counters.gets <= 4)
  }

  @Test func framesComeAtTheirRateAndInTurn() throws {
    var time: UInt64 = 0
    let source = DisplaySource(
      try SyntheticGuest(
        pattern: TestPattern(width: 64, height: 64), framesPerSecond: 100,
        clock: { MonotonicInstant(nanoseconds: time) }))
    for _ in 0..<1000 {
      _ = source.poll()
      time += 1_000_000
    }
    #expect(source.counters.flips == 100)
    #expect(source.counters.gets == 4, "three buffers and the pointer's")
  }

  @Test func tornNumbersAreNone() {
    let pattern = TestPattern(width: 640, height: 480)
    #expect(
      pattern.frameNumber { x, y in
        pattern.color(x: x, y: y, frame: y < pattern.block ? 41 : 42)
      } == nil)
    #expect(pattern.frameNumber { _, _ in 0 } == nil)
  }
}
