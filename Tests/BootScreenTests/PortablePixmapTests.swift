// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BootScreen

@Suite struct PortablePixmapTests {
  private func bytes(_ header: String, _ samples: [UInt8]) -> [UInt8] {
    Array(header.utf8) + samples
  }

  @Test func samplesBecomePixels() throws {
    let picture = try #require(PortablePixmap(bytes("P6\n2 1\n255\n", [1, 2, 3, 0xFE, 10, 32])))
    #expect(picture.width == 2)
    #expect(picture.height == 1)
    var pixels: [UInt32] = [0, 0]
    pixels.withUnsafeMutableBytes { picture.write(to: $0) }
    #expect(pixels == [0x010203, 0xFE0A20])
  }

  @Test(arguments: [
    "", "P6", "P6\n", "P5\n1 1\n255\n", "P6\n1\n255\n", "P6\n0 1\n255\n", "P6\n1 0\n255\n",
    "P6\n1 1\n65535\n", "P6\n1 1\n254\n", "P6\n-1 -1\n255\n", "P6\n1 2\n255\n", "P6\n2 1\n255\n",
    "P6\n# c\n1 1\n255\n", "P6\n99999 99999\n255\n", "P6\n9223372036854775807 1\n255\n",
    "P61 1 255 ", "P6\n1 1\n255",
  ])
  func othersAreRefused(_ header: String) {
    #expect(PortablePixmap(bytes(header, [1, 2, 3])) == nil)
  }

  @Test func morePixelsThanPromisedAreRefused() {
    #expect(PortablePixmap(bytes("P6\n1 1\n255\n", [1, 2, 3, 4])) == nil)
  }
}
