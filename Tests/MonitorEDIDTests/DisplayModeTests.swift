// SPDX-License-Identifier: Apache-2.0

import MonitorEDID
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
