// SPDX-License-Identifier: Apache-2.0

import MonitorEDID
import Testing

@Suite struct MonitorTests {
  private func checksum(_ bytes: [UInt8]) -> UInt8 { bytes.reduce(0) { $0 &+ $1 } }

  @Test func blocksAreWholeAndAddUpToZero() throws {
    for mode in Modes.common + Modes.random {
      let edid = try EDID(mode: mode, name: "\(mode.width)", serial: UInt32(mode.height))
      #expect(edid.bytes.count == EDID.blockSize)
      #expect(checksum(edid.bytes) == 0)
      #expect(try EDID(parsing: edid.bytes) == edid)
    }
  }

  @Test func whatWasPutInComesOut() throws {
    for mode in Modes.common + Modes.random {
      let edid = try EDID(mode: mode, name: "a monitor")
      #expect(edid.name == "a monitor")
      let found = try #require(edid.preferredMode)
      #expect(found.width == mode.width && found.height == mode.height)
      let pixels = Double((mode.width + 80) * (mode.height + 15))
      #expect(abs(found.refreshRate - mode.refreshRate) <= 5000 / pixels + 1e-9, "\(mode)")
    }
  }

  /// By hand from VESA CVT 1.2: 1920x1080 at 60 Hz is 2000 pixels by 1111 lines.
  @Test func timingIsReducedBlanking() throws {
    let bytes = try EDID(mode: DisplayMode(width: 1920, height: 1080)).bytes
    let clock = Int(bytes[54]) | Int(bytes[55]) << 8
    #expect(clock == 13332)
    #expect(Array(bytes[56...58]) == [0x80, 80, 0x70])
    #expect(Array(bytes[59...61]) == [0x38, 31, 0x40])
    // Front porches of 8 and 17, pulses of 32 and 8.
    #expect(Array(bytes[62...65]) == [8, 32, 0x18, 0b0000_0100])
    #expect(bytes[71] == 0x1A)
  }

  /// No continuous frequencies, and so range limits without a formula; the one established timing.
  @Test func nothingElseIsPromised() throws {
    let bytes = try EDID(mode: DisplayMode(width: 1920, height: 1080)).bytes
    #expect(bytes[24] & 1 == 0)
    #expect(bytes[72 + 10] == 1)
    #expect(Array(bytes[35...37]) == [0x20, 0, 0])
    #expect(bytes[38...53].allSatisfy { $0 == 1 })
    #expect(bytes[126] == 0)
  }

  @Test func frontPorchEndsWhereItsBitsEnd() throws {
    let mode = DisplayMode(width: 2560, height: 1440, refreshRate: 143.9)
    let bytes = try EDID(mode: mode).bytes
    let frontPorch = Int(bytes[64] >> 4) | Int(bytes[65] >> 2 & 3) << 4
    #expect(frontPorch == 63)
    #expect(Int(bytes[60]) == 103)
  }

  @Test func sizeIsOfNinetySixDotsAnInch() throws {
    let bytes = try EDID(mode: DisplayMode(width: 1920, height: 1080)).bytes
    #expect(Array(bytes[66...68]) == [508 - 256, 286 - 256, 0x11].map(UInt8.init))
    #expect(Array(bytes[21...22]) == [51, 29])
  }

  @Test func namesHaveThirteenCharacters() throws {
    let mode = DisplayMode(width: 800, height: 600)
    for name in ["1", "123456789012", "1234567890123"] {
      #expect(try EDID(mode: mode, name: name).name == name)
    }
    for name in ["", "12345678901234", " x", "x ", " ", "Ä", "a\nb", "a\u{7F}", "tab\t"] {
      #expect(throws: EDIDError.invalidName(name)) { try EDID(mode: mode, name: name) }
    }
  }

  @Test func sizesHaveLimits() throws {
    let mode = DisplayMode(width: 800, height: 600)
    for size in [(100, 100), (2550, 2550)] {
      _ = try EDID(mode: mode, size: PhysicalSize(width: size.0, height: size.1))
    }
    for size in [(99, 100), (100, 99), (2551, 100), (100, 2551), (-1, 100), (Int.max, 100)] {
      let size = PhysicalSize(width: size.0, height: size.1)
      #expect(throws: EDIDError.invalidSize(size)) { try EDID(mode: mode, size: size) }
    }
  }
}
