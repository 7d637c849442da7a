// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
import MonitorEDID
import Synchronization
import Testing

@testable import Attachment

/// The monitor that comes nearest to a window's size.
@Suite struct ScreenSizingTests {
  /// A screen that notes which monitor it gets.
  private final class NotingScreen: ScreenSizing {
    let monitorLimits: MonitorLimits?
    let monitorProblem: AttachmentError? = nil
    private let noted = Mutex<[(edid: [UInt8], size: (width: Int, height: Int))]>([])

    init(_ limits: MonitorLimits?) { monitorLimits = limits }

    var monitors: [(edid: [UInt8], size: (width: Int, height: Int))] { noted.withLock { $0 } }

    func plugIn(edid: [UInt8], size: (width: Int, height: Int)) throws(AttachmentError) {
      noted.withLock { $0.append((edid, size)) }
    }
  }

  @Test(arguments: [
    ((1000, 700), (1000, 700)), ((1001, 701), (1000, 700)), ((3000, 700), (1920, 700)),
    ((1000, 3000), (1000, 1200)), ((100, 100), (640, 480)),
  ])
  func monitorIsTheNearest(wish: (Int, Int), got: (Int, Int)) throws {
    let screen = NotingScreen(MonitorLimits(width: 1920, height: 1200))
    try screen.plugIn(nearestTo: (wish.0, wish.1), refreshRate: nil)
    let monitor = try #require(screen.monitors.first)
    #expect(screen.monitors.count == 1)
    #expect(monitor.size.width == got.0 && monitor.size.height == got.1)
    let expected = try EDID(mode: DisplayMode(width: got.0, height: got.1, refreshRate: 60))
    #expect(monitor.edid == expected.bytes)
  }

  /// A driver's limit may be odd; the monitor's sides are even all the same.
  @Test func oddLimitGivesAnEvenMonitor() throws {
    let screen = NotingScreen(MonitorLimits(width: 1921, height: 1201))
    try screen.plugIn(nearestTo: (3000, 3000), refreshRate: nil)
    let monitor = try #require(screen.monitors.first)
    #expect(monitor.size.width == 1920 && monitor.size.height == 1200)
  }

  @Test func screenThatCannotChangeIsLeftAlone() throws {
    let screen = NotingScreen(nil)
    try screen.plugIn(nearestTo: (1000, 700), refreshRate: 60)
    #expect(screen.monitors.isEmpty)
    let any = NotingScreen(MonitorLimits(width: nil, height: nil))
    try any.plugIn(nearestTo: (2560, 1440), refreshRate: 59.95)
    #expect(any.monitors.first?.size.width == 2560 && any.monitors.first?.size.height == 1440)
    let expected = try EDID(mode: DisplayMode(width: 2560, height: 1440, refreshRate: 59.95))
    #expect(any.monitors.first?.edid == expected.bytes)
  }
}
