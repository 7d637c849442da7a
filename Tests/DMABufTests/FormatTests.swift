// SPDX-License-Identifier: Apache-2.0

import CABIFacts
import DMABuf
import Testing

@Suite struct FormatTests {
  @Test func fourCCsAreTheKernels() {
    var kernel: Set<UInt32> = []
    for index in 0..<abi_fourcc_count() { kernel.insert(UInt32(abi_fourcc_at(index).value)) }
    #expect(Set(PixelFormat.all.map(\.fourCC.rawValue)) == kernel.union([]))
    #expect(PixelFormat.all.count == abi_fourcc_count())
    #expect(FourCC("XR24") == .xrgb8888)
    #expect(FourCC.xrgb8888.rawValue == 0x3432_5258)
  }

  @Test func modifiersHaveTheKernelsNamesAndNumbers() {
    for index in 0..<abi_modifier_count() {
      let fact = abi_modifier_at(index)
      #expect(
        FormatModifier(rawValue: UInt64(fact.value)).description == String(cString: fact.name))
    }
    #expect(FormatModifier(rawValue: 3 << 56 | 0x10).description == "NVIDIA(0x10)")
    #expect(FormatModifier(rawValue: 200 << 56 | 1).description == "VENDOR_200(0x1)")
  }

  @Test(arguments: [
    (FourCC.xrgb8888.rawValue, "XR24"), (FourCC.c8.rawValue, "C8"), (0, "0x0"),
    (.max, "0xffffffff"),
    (0x0A32_5258, "0xa325258"),
  ]) func fourCCsPrint(value: UInt32, text: String) {
    #expect(FourCC(rawValue: value).description == text)
  }

  @Test(arguments: ["", "XR2", "XR245", "ÄR24"]) func fourCCsOfOtherTextsAreNone(text: String) {
    #expect(FourCC(text) == nil)
  }

  @Test func linesTakeWholeBytes() {
    #expect(PixelFormat(.xrgb8888).map { "\($0)" } == "XR24")
    #expect(PixelFormat(.xrgb8888)?.lineBytes(width: 3) == 12)
    #expect(PixelFormat(.rgb888)?.lineBytes(width: 3) == 9)
    #expect(PixelFormat(.c8)?.lineBytes(width: 3) == 3)
    #expect(PixelFormat(.xrgb8888)?.lineBytes(width: .max) == nil)
    #expect(PixelFormat(FourCC(rawValue: 1)) == nil)
  }

  @Test func layoutsEndAfterTheLastPixel() throws {
    let format = try #require(PixelFormat(.xrgb8888))
    var layout = ImageLayout(width: 5, height: 3, format: format, stride: 64, offset: 100)
    #expect(layout.linearEnd == 100 + 2 * 64 + 20)
    layout.height = .max
    #expect(layout.linearEnd == nil)
    layout.height = 0
    #expect(layout.linearEnd == nil)
  }
}
