// SPDX-License-Identifier: Apache-2.0

import MonitorEDID
import TestSupport
import Testing

@Suite struct ParserTests {
  private func block(_ changes: [Int: UInt8] = [:], repaired: Bool = true) throws -> [UInt8] {
    var bytes = try EDID(mode: DisplayMode(width: 1280, height: 720)).bytes
    for (index, byte) in changes { bytes[index] = byte }
    if repaired { bytes[127] = 0 &- bytes[..<127].reduce(0) { $0 &+ $1 } }
    return bytes
  }

  private func refusal(_ bytes: [UInt8]) -> String? {
    do {
      _ = try EDID(parsing: bytes)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func lengthIsThatOfBlocks() throws {
    let bytes = try block()
    for count in [0, 1, 127, 129, 255] {
      let cut = Array((bytes + bytes).prefix(count)) + repeatElement(0, count: max(0, count - 256))
      #expect(refusal(cut)?.contains("\(count) bytes") == true)
    }
    #expect(try EDID(parsing: bytes + repeatElement(0xAA, count: 256)).bytes == bytes)
  }

  @Test func everyWrongByteIsNoticed() throws {
    let bytes = try block()
    for index in bytes.indices {
      for bit in 0..<8 {
        var wrong = bytes
        wrong[index] ^= 1 << bit
        #expect(refusal(wrong) != nil, "byte \(index)")
      }
    }
    #expect(refusal(try block([0: 1]))?.contains("begin") == true)
    #expect(refusal(try block([18: 2]))?.contains("version 2") == true)
    #expect(refusal(try block([100: 1], repaired: false))?.contains("add up to") == true)
  }

  @Test func namesOfOthersAreMadePrintable() throws {
    #expect(try EDID(parsing: block([95: 0x07, 96: 0xC3])).name == "??pu")
    #expect(try EDID(parsing: block([93: 0x10])).name == nil)
    // What is no text at a name's end is left out, as BenQ's A0 and others' carriage returns.
    #expect(try EDID(parsing: block([97: 0x0D, 98: 0xA0])).name == "vg")
    #expect(try EDID(parsing: block([95: 0xFF, 96: 0])).name == nil)
  }

  @Test func firstDescriptorNeedNotBeATiming() throws {
    #expect(try EDID(parsing: block([54: 0, 55: 0])).preferredMode == nil)
    #expect(try EDID(parsing: block([56: 0, 58: 0])).preferredMode == nil)
  }

  @Test func interlacedLinesAreBothFields() throws {
    let mode = try #require(try EDID(parsing: block([71: 0x9A])).preferredMode)
    #expect(mode.width == 1280 && mode.height == 1440)
    #expect(abs(mode.refreshRate - 60) < 0.1)
  }

  @Test func anyBytesAreReadOrRefused() throws {
    var generator = SeededGenerator(seed: 1)
    let modes = Modes.random
    var accepted = 0
    for _ in 0..<20_000 {
      let mode = modes[Int.random(in: modes.indices, using: &generator)]
      var bytes = try EDID(mode: mode).bytes
      for _ in 0..<Int.random(in: 1...40, using: &generator) {
        bytes[Int.random(in: 8..<128, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      bytes[18] = 1
      bytes[127] = 0 &- bytes[..<127].reduce(0) { $0 &+ $1 }
      let edid = try EDID(parsing: bytes)
      accepted += 1
      if let found = edid.preferredMode {
        #expect(found.width > 0 && found.height > 0)
        #expect(found.refreshRate > 0 && found.refreshRate.isFinite)
      }
      if let name = edid.name {
        #expect(name.utf8.count <= 13 && name.utf8.allSatisfy { (0x20...0x7E).contains($0) })
      }
    }
    #expect(accepted == 20_000)
  }

  @Test func anyRubbishIsRefused() {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<20_000 {
      let count = Int.random(in: 0...300, using: &generator)
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      #expect(refusal(bytes) != nil)
    }
  }
}
