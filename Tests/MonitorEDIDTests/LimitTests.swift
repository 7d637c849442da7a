// SPDX-License-Identifier: Apache-2.0

import MonitorEDID
import TestSupport
import Testing

@Suite struct LimitTests {
  private func refusal(_ mode: DisplayMode) -> (limit: String, nearest: DisplayMode)? {
    do {
      _ = try EDID(mode: mode)
      return nil
    } catch {
      guard case .notCarried(_, let limit, let nearest) = error else { return nil }
      return (limit, nearest)
    }
  }

  @Test(arguments: [
    "640x480@30", "640x480@240", "4095x2160@30", "4095x2160@70", "3840x2160@74.73",
    "4095x4095@30", "1920x1080@240", "1920x1200@240", "2560x1440@144", "2560x1440@159",
    "640x4095@100",
  ])
  func carried(mode: String) throws {
    _ = try EDID(mode: DisplayMode(parsing: mode))
  }

  @Test(arguments: [
    ("4096x2160", "width", "4095x2160@60"),
    ("639x480", "width", "640x480@60"),
    ("65535x65535", "width", "4095x4095@37.66"),
    ("640x479", "height", "640x480@60"),
    ("1024x4096", "height", "1024x4095@60"),
    ("800x600@29.99", "refresh rate", "800x600@30"),
    ("800x600@240.01", "refresh rate", "800x600@240"),
    ("3840x2160@120", "pixel clock of 1075.8 MHz", "3840x2160@74.73"),
    ("640x2160@240", "583 kHz", "640x2160@212.94"),
  ])
  func beyond(text: String, limit: String, nearest: String) throws {
    let mode = try DisplayMode(parsing: text)
    let refused = try #require(refusal(mode))
    #expect(refused.limit.contains(limit), "\(refused)")
    #expect("\(refused.nearest)" == nearest)
  }

  /// 3840x2160 has 3920 by 2237 pixels at these rates: clocks just below and above 655.355 MHz.
  @Test func clockIsRoundedBeforeItIsCompared() throws {
    let pixels = 3920.0 * 2237
    let last = DisplayMode(width: 3840, height: 2160, refreshRate: 655_354_000 / pixels)
    #expect(try Array(EDID(mode: last).bytes[54...55]) == [0xFF, 0xFF])
    let first = DisplayMode(width: 3840, height: 2160, refreshRate: 655_356_000 / pixels)
    #expect(refusal(first)?.limit.contains("655.36 MHz") == true)
  }

  @Test func whatIsNoNumberIsNoRefreshRate() {
    for rate in [Double.nan, .infinity, -.infinity, 0, -60, .greatestFiniteMagnitude] {
      let mode = DisplayMode(width: 800, height: 600, refreshRate: rate)
      #expect(refusal(mode)?.limit.contains("refresh rate") == true)
    }
    for size in [Int.min, -1, 0, Int.max] {
      #expect(refusal(DisplayMode(width: size, height: size)) != nil)
    }
  }

  /// What is called nearest can be had, and a hundredth of a hertz more cannot.
  @Test func nearestIsTheLast() throws {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<2000 {
      let mode = DisplayMode(
        width: .random(in: 1...5000, using: &generator),
        height: .random(in: 1...5000, using: &generator),
        refreshRate: .random(in: 1...300, using: &generator))
      guard let nearest = refusal(mode)?.nearest else { continue }
      #expect(refusal(nearest) == nil, "\(mode): \(nearest)")
      let more = DisplayMode(
        width: nearest.width, height: nearest.height, refreshRate: nearest.refreshRate + 0.0101)
      if nearest.refreshRate < min(mode.refreshRate, 240) - 0.0101, mode.refreshRate > 30 {
        #expect(refusal(more) != nil, "\(mode): \(nearest)")
      }
    }
  }
}
