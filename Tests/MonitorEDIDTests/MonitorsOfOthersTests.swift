// SPDX-License-Identifier: Apache-2.0

import MonitorEDID
import Testing

/// EDIDs that monitors have, without their serial numbers and with their checksums right; from
/// https://github.com/linuxhw/EDID, whose 136,000 different ones are read as edid-decode reads them.
@Suite struct MonitorsOfOthersTests {
  struct Monitor: Sendable, CustomTestStringConvertible {
    /// Its folder and file, and what is odd about it.
    let testDescription: String
    let bytes: [UInt8]
    let name: String?
    let mode: String?

    init(_ description: String, _ lines: [String], name: String?, mode: String?) {
      testDescription = description
      let digits = Array(lines.joined())
      bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(digits[$0..<$0 + 2]), radix: 16)
      }
      self.name = name
      self.mode = mode
    }
  }

  @Test(arguments: monitors) func areReadAsTheyAreMeant(monitor: Monitor) throws {
    let edid = try EDID(parsing: monitor.bytes)
    #expect(edid.name == monitor.name)
    #expect(edid.preferredMode.map { "\($0)" } == monitor.mode)
  }

  static let monitors = [
    Monitor(
      "Samsung SAM047D/F3F1D5EEFF8C: all descriptors filled with FF, which would be 4095x8190 at 10 Hz",
      [
        "00ffffffffffff004c2d7d04000000002f130103802917782a6971a655489c25",
        "145054bfee000101010101010101010101010101ffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff005d",
      ], name: nil, mode: nil),
    Monitor(
      "Compaq CPQ0130/8E15A2BB0D49: the first descriptor was never filled in, which would be 1x1",
      [
        "00ffffffffffff000e113001000000002c070101681b14b9c8b05ea4524d9b24",
        "0e484fa548000101010101010101010101010101010101010101010101010101",
        "0101010101010101000000fd00325a1e32ff000a202020202020000000ff0030",
        "0a2020202020202020202020000000fc00434f4d50415120563431300a200078",
      ], name: "COMPAQ V410", mode: nil),
    Monitor(
      "Ancor ACI19A2/08EB6A533D96: no line feed ends the name",
      [
        "00ffffffffffff000469a219000000001c1101030e2b1b782ec585a3574a9c26",
        "125054bfef808180714f9500950f01010101010101016829a0d0518422305098",
        "36009a001100001c000000ff00300a2020202020202020202020000000fd0032",
        "4b1e5215000a202020202020000000fc004153555320565731393254ffff001b",
      ], name: "ASUS VW192T", mode: "1440x900@59.606"),
    Monitor(
      "GVV0607/E4ACA05E220B: a zero ends the name",
      [
        "00ffffffffffff001ed60706000000001a0d0102681e1778ea63f89e564c9824",
        "195055bfee0061400101010101010101010101010101000000fc004b564d0047",
        "35363130200a2020000000fc0031303234783736380a00000000000000000000",
        "000000000000000000000000000000000000000000000000000000000000001a",
      ], name: "KVM", mode: nil),
    Monitor(
      "AMW73D1/4B206D5B7D4A: two empty names before the name",
      [
        "00ffffffffffff0005b7d17300000000040f01031f251e96e9d1e0a05a4a9824",
        "165054bfef808140714f818001010101010101010101000000fc000a20202020",
        "2020202020202020000000fd00324b1e500e0a20202020202020000000fc000a",
        "202020202020202020202020000000fc004d313736410a2020202020202000eb",
      ], name: "M176A", mode: nil),
    Monitor(
      "ADI217A/247CE976FD30: EDID 1.3 that calls none of its timings preferred",
      [
        "00ffffffffffff0004897a2100000000040e010308211b78e8c5c6a3574a9c23",
        "124f54a7ef8081800101010101010101010101010101302a009851002a403070",
        "13004a0e1100001e100bd0b420903110126cd2004a0e1100001cd50980a020e0",
        "2d101060a2004a0e11000018000000fc00414449204d5320413731350a2000f0",
      ], name: "ADI MS A715", mode: nil),
    Monitor(
      "AOC2416/1BBB2FBB1D25: EDID 1.4, where the same bit says whether the preferred one is the native one",
      [
        "00ffffffffffff0005e31624000000002c12010468342078e8de50a3544c9926",
        "0f5054bfef8081c0814081809500a940b30001010101283c80a070b023403020",
        "3600084a2100001a000000ff00300a2020202020202020202020000000fd0038",
        "4b1e5011000a202020202020000000fc00323431360a202020202020202000ed",
      ], name: "2416", mode: "1920x1200@59.95"),
    Monitor(
      "Vizio VIZ1300/A511FF26C956: the first timing is the second descriptor",
      [
        "00ffffffffffff00593a0013000000000b1001033f522e78ead970a357499c25",
        "11494b0fca0001010101010101010101010101010101000000fd0032551f460b",
        "0100bc902100001a662156b051001b308082260034cc3100001a000000ff0030",
        "0a2020202020202020202020000000fc0056495a494f204c33372048440a007b",
      ], name: "VIZIO L37 HD", mode: "1366x768@59.815"),
    Monitor(
      "Goldstar GSM56FE/44D09EE0E4E1: the first timing has no vertical sync pulse, which Linux refuses too",
      [
        "00ffffffffffff001e6dfe56000000000a13010380301b78e2aec5a2574a9c25",
        "125054a54b00b3008180714f81c0814f81c0010101011a3680a070ff1f403020",
        "d000dd0d1100001a023a801871382d40d02c4500dd0d1100001e000000fd0038",
        "4b1e530f000a202020202020000000fc0057323234330a202020202020200071",
      ], name: "W2243", mode: "1920x1080@60"),
  ]
}
