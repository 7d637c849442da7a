// SPDX-License-Identifier: Apache-2.0

import MonitorEDID
import TestSupport
import Testing

@Suite struct DisplayModeTests {
  @Test(arguments: [
    ("1920x1080@60", 1920, 1080, 60.0, "1920x1080@60"),
    ("2560x1440@143.9", 2560, 1440, 143.9, "2560x1440@143.9"),
    ("1280x720", 1280, 720, 60, "1280x720@60"),
    ("640x480@59.94", 640, 480, 59.94, "640x480@59.94"),
    ("4096x2160@030.50", 4096, 2160, 30.5, "4096x2160@30.5"),
  ])
  func read(text: String, width: Int, height: Int, rate: Double, written: String) throws {
    let mode = try DisplayMode(parsing: text)
    #expect(mode == DisplayMode(width: width, height: height, refreshRate: rate))
    #expect("\(mode)" == written)
    #expect(try DisplayMode(parsing: written) == mode)
  }

  @Test(arguments: [
    "", "x", "@", "1920", "1920x", "x1080", "1920x1080@", "1920x1080@60@60", "1920x1080x60",
    "-1920x1080", "+1920x1080", "0x480", "640x0", "640x480@0", "640x480@-1", "640x480@inf",
    "640x480@nan", "640x480@6e1", "640x480@0x3c", "640x480@60.", "640x480@.5", "640x480@6.0.0",
    " 640x480", "640x480 ", "640X480", "65536x480", "99999999999999999999x480", "６４０x480",
    "640x480@60Hz",
  ])
  func refused(text: String) {
    #expect(throws: EDIDError.invalidMode(text)) { try DisplayMode(parsing: text) }
  }

  @Test func everyNumberCanBeWritten() {
    #expect("\(DisplayMode(width: 1, height: 2, refreshRate: .nan))" == "1x2@nan")
    #expect("\(DisplayMode(width: 1, height: 2, refreshRate: 1e300))" == "1x2@1e+300")
    #expect("\(DisplayMode(width: 1, height: 2, refreshRate: 59.99951))" == "1x2@60")
  }
}

/// The modes that the tests go through.
enum Modes {
  /// What monitors have been sold with.
  static let common: [DisplayMode] = [
    (640, 480), (720, 480), (720, 576), (800, 600), (848, 480), (1024, 600), (1024, 768),
    (1152, 864), (1280, 720), (1280, 768), (1280, 800), (1280, 960), (1280, 1024), (1360, 768),
    (1366, 768), (1400, 1050), (1440, 900), (1440, 1440), (1440, 2560), (1600, 900), (1600, 1200),
    (1680, 1050), (1792, 1344), (1856, 1392), (1920, 1080), (1920, 1200), (1920, 1440),
    (2048, 1152), (2048, 1536), (2160, 3840), (2304, 1440), (2560, 1080), (2560, 1440),
    (2560, 1600), (2880, 1800), (3000, 2000), (3200, 1800), (3440, 1440), (3840, 1080),
    (3840, 1600), (3840, 2160), (3840, 2400), (4095, 2160), (4095, 4095),
  ].flatMap { width, height in
    [30, 50, 59.94, 60, 72, 75, 100, 120, 143.9, 144, 165, 240]
      .map { DisplayMode(width: width, height: height, refreshRate: $0) }
      .filter { (try? EDID(mode: $0)) != nil }
  }

  /// Any that can be carried.
  static let random: [DisplayMode] = {
    var generator = SeededGenerator(seed: 20_251)
    var modes: [DisplayMode] = []
    while modes.count < 400 {
      let hundredths = Int.random(in: 3000...24000, using: &generator)
      let mode = DisplayMode(
        width: .random(in: 640...4095, using: &generator),
        height: .random(in: 480...2160, using: &generator), refreshRate: Double(hundredths) / 100)
      if (try? EDID(mode: mode)) != nil { modes.append(mode) }
    }
    return modes
  }()
}
