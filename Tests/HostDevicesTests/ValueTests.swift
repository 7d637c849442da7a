// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestSupport
import Testing

@Suite struct MdevUUIDTests {
  @Test func bothCasesAreOneValue() throws {
    let upper = try MdevUUID(parsing: "A297DB4A-F4C2-11E6-90F6-D3B88D6C9525")
    #expect(upper == MdevUUID("a297db4a-f4c2-11e6-90f6-d3b88d6c9525"))
    #expect(upper.description == "a297db4a-f4c2-11e6-90f6-d3b88d6c9525")
  }

  @Test(arguments: [
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "01234567-89ab-cdef-0123-456789abcdef",
  ])
  func textSurvives(text: String) throws { #expect(MdevUUID(text)?.description == text) }

  @Test(arguments: [
    "", "-", "a297db4a", "a297db4af4c211e690f6d3b88d6c9525",
    "a297db4a-f4c2-11e6-90f6-d3b88d6c952", "a297db4a-f4c2-11e6-90f6-d3b88d6c95255",
    "a297db4a-f4c2-11e6-90f6-d3b88d6c9525\n", " a297db4a-f4c2-11e6-90f6-d3b88d6c9525",
    "{a297db4a-f4c2-11e6-90f6-d3b88d6c9525}", "a297db4a-f4c2-11e6-90f6-d3b88d6c952g",
    "a297db4af-4c2-11e6-90f6-d3b88d6c9525", "a297db4a-f4c2-11e6-90f6--3b88d6c9525",
    "a297db4a0f4c2-11e6-90f6-d3b88d6c9525", "a297db4a-f4c2-11e6-90f60d3b88d6c9525",
    "a297db4a-f4c2-11e6-90f6-d3b88d6c95é", "../../../../../../../../../etc/passwd",
  ])
  func whatIsNoUUID(text: String) {
    #expect(MdevUUID(text) == nil)
    let error = #expect(throws: HostDevicesError.invalidUUID(text)) {
      try MdevUUID(parsing: text)
    }
    #expect(error?.description.contains("\n") == false)
  }

  @Test func randomOnesAreVersion4() {
    var generator = SeededGenerator(seed: 1)
    var seen: Set<MdevUUID> = []
    for _ in 0..<1000 {
      let uuid = MdevUUID.random(using: &generator)
      let text = Array(uuid.description)
      #expect(text[14] == "4")
      #expect("89ab".contains(text[19]))
      #expect(MdevUUID(String(text)) == uuid)
      seen.insert(uuid)
    }
    #expect(seen.count == 1000)
    #expect(MdevUUID.random() != MdevUUID.random())
  }

  @Test func orderIsThatOfTheTexts() {
    var generator = SeededGenerator(seed: 2)
    let uuids = (0..<200).map { _ in MdevUUID.random(using: &generator) }
    #expect(uuids.sorted().map(\.description) == uuids.map(\.description).sorted())
  }
}

@Suite struct PCIAddressTests {
  @Test(arguments: [
    ("0000:00:02.0", "0000:00:02.0"), ("00:02.0", "0000:00:02.0"), ("FF:1F.7", "0000:ff:1f.7"),
    ("10000:e1:00.0", "10000:e1:00.0"),
  ])
  func reads(text: String, canonical: String) {
    #expect(PCIAddress(text)?.description == canonical)
  }

  @Test(arguments: [
    "", ":", "02.0", "0000:00:02", "0000:00:20.0", "0000:00:02.8", "0000:00:02.", "0000:00:02.0 ",
    "000:00:02.0", "0000:0:02.0", "+000:00:02.0", "0000:00:02.0.0", "0:0000:00:02.0",
    "0000:00:02.00", "123456789:00:02.0", "mbochs",
  ])
  func refuses(text: String) { #expect(PCIAddress(text) == nil) }

  @Test func order() {
    let sorted = ["0000:00:02.0", "0000:00:02.1", "0000:00:10.0", "0000:03:00.0", "10000:00:00.0"]
    #expect(sorted.reversed().compactMap(PCIAddress.init).sorted().map(\.description) == sorted)
  }

  @Test func parts() {
    #expect(PCIAddress(bus: 0, device: 32, function: 0) == nil)
    #expect(PCIAddress(bus: 0, device: 0, function: 8) == nil)
    #expect(PCIAddress(bus: 3, device: 31, function: 7) == PCIAddress("03:1f.7"))
  }
}

@Suite struct JSONTests {
  @Test func textsSurvive() throws {
    let address = try #require(PCIAddress("0000:00:02.0"))
    let vendor = try #require(PCIID("0x8086"))
    let classCode = try #require(PCIClass("0x030000"))
    let uuid = MdevUUID.random()
    #expect(try survives([address]))
    #expect(try survives([vendor]))
    #expect(try survives([classCode]))
    #expect(try survives([uuid]))
    #expect(classCode.isDisplay)
    #expect(PCIClass("0x060300")?.isDisplay == false)
    for bad in ["8086", "0x808", "0x80866", "0x-086", ""] { #expect(PCIID(bad) == nil) }
  }

  @Test func whatIsNoValueIsAnError() {
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([MdevUUID].self, from: Data(#"["no"]"#.utf8))
    }
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([PCIAddress].self, from: Data("[7]".utf8))
    }
  }

  private func survives<Value: Codable & Equatable>(_ value: Value) throws -> Bool {
    try JSONDecoder().decode(Value.self, from: try JSONEncoder().encode(value)) == value
  }
}
