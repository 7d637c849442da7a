// SPDX-License-Identifier: Apache-2.0

import MonitorEDID
import TestSupport

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
