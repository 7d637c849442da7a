// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import QEMU
import Testing

/// Which functions a guest gets whose user names a GPU.
@Suite struct CardTests {
  private func function(
    _ address: String, _ vendor: String, _ classCode: String, group: Int, physical: String? = nil
  ) throws -> PCIFunction {
    var values: [String: Any] = [
      "pciAddress": "0000:\(address)", "vendorID": vendor, "deviceID": "0x1900",
      "classCode": classCode,
      "isBootVGA": false, "iommuGroup": group,
    ]
    values["physicalFunction"] = physical.map { "0000:\($0)" }
    return try JSONDecoder().decode(
      PCIFunction.self, from: try JSONSerialization.data(withJSONObject: values))
  }

  private func taken(
    _ address: String, isWholeCard: Bool, of device: [PCIFunction]
  ) throws -> [String] {
    PassedSlot.graphicsCard(
      at: try #require(PCIAddress(address)), isWholeCard: isWholeCard, of: device
    ).map { String($0.address.description.dropFirst(5)) }
  }

  /// One group: no guest can have a part.
  @Test func aCardOfOneGroup() throws {
    let card = [
      try function("01:00.0", "0x10de", "0x030000", group: 1),
      try function("01:00.1", "0x10de", "0x040300", group: 1),
      try function("01:00.2", "0x10de", "0x0c0330", group: 1),
    ]
    for isWhole in [true, false] {
      #expect(
        try taken("01:00.0", isWholeCard: isWhole, of: card) == ["01:00.0", "01:00.1", "01:00.2"])
    }
    #expect(PassedSlot.hasVGA(card))
  }

  /// Groups of their own: what was named. The card's audio and USB are its maker's.
  @Test func aCardWhoseFunctionsHaveGroups() throws {
    let card = [
      try function("01:00.0", "0x10de", "0x030000", group: 1),
      try function("01:00.1", "0x10de", "0x040300", group: 2),
      try function("01:00.2", "0x10de", "0x0c0330", group: 3),
    ]
    #expect(try taken("01:00.0", isWholeCard: false, of: card) == ["01:00.0"])
    #expect(
      try taken("01:00.0", isWholeCard: true, of: card) == ["01:00.0", "01:00.1", "01:00.2"])
  }

  /// isc30/ryzen-gpu-passthrough-proxmox #77: the host's USB controllers and security processor.
  @Test func aProcessorsGraphics() throws {
    let device = [
      try function("c5:00.0", "0x1002", "0x030000", group: 20),
      try function("c5:00.1", "0x1002", "0x040300", group: 21),
      try function("c5:00.2", "0x1022", "0x108000", group: 22),
      try function("c5:00.3", "0x1022", "0x0c0330", group: 23),
      try function("c5:00.4", "0x1022", "0x0c0330", group: 24),
      try function("c5:00.6", "0x1022", "0x040300", group: 26),
    ]
    #expect(try taken("c5:00.0", isWholeCard: false, of: device) == ["c5:00.0"])
    #expect(try taken("c5:00.0", isWholeCard: true, of: device) == ["c5:00.0", "c5:00.1"])
  }

  /// strongtz/i915-sriov-dkms #303: neither the host's own GPU nor the other virtual functions.
  @Test func aVirtualFunction() throws {
    let device =
      [try function("00:02.0", "0x8086", "0x030000", group: 0)]
      + (try (1...7).map {
        try function("00:02.\($0)", "0x8086", "0x030000", group: 17 + $0, physical: "00:02.0")
      })
    for isWhole in [true, false] {
      #expect(try taken("00:02.0", isWholeCard: isWhole, of: device) == ["00:02.0"])
      // It says that it is VGA's, and has none of its addresses.
      #expect(PassedSlot.hasVGA(Array(device[..<1])) && !PassedSlot.hasVGA([device[1]]))
    }
    #expect(try taken("00:02.1", isWholeCard: false, of: device) == ["00:02.1"])
    #expect(try taken("00:02.1", isWholeCard: false, of: [device[1]]) == ["00:02.1"])
  }

  @Test func nothingThere() throws {
    #expect(try taken("01:00.0", isWholeCard: true, of: []).isEmpty)
  }
}
