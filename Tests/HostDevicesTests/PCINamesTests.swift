// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import HostDevices

@Suite struct PCINamesTests {
  private let text = """
    # comment
    10de  NVIDIA Corporation
    \t1c03  GP106 [GeForce GTX 1060 6GB]
    \t\t1043 85ac  DUAL-GTX1060
    8086  Intel Corporation
    \t1c03  not this one
    \t5917  UHD Graphics 620
    \t\t8086 5917  nor this
    C 02  Network controller
    \t00  Ethernet controller
    C 03  Display controller
    \t00  VGA compatible controller
    \t\t00  VGA controller
    C 04  Multimedia controller
    """

  private func function(
    _ vendor: String, _ device: String, _ classCode: String
  ) throws -> PCIFunction {
    let json = """
      {"pciAddress": "0000:00:02.0", "vendorID": "\(vendor)", "deviceID": "\(device)",
       "classCode": "\(classCode)", "isBootVGA": false}
      """
    return try JSONDecoder().decode(PCIFunction.self, from: Data(json.utf8))
  }

  @Test func names() throws {
    let card = try function("0x10de", "0x1c03", "0x030000")
    let gpu = try function("0x8086", "0x5917", "0x038000")
    let sound = try function("0x8086", "0x1234", "0x040300")
    let other = try function("0x1234", "0x1c03", "0xff0000")
    let names = PCINames(of: [card, gpu, sound, other], in: Array(text.utf8))
    #expect(names.vendor(of: card) == "NVIDIA Corporation")
    #expect(names.device(of: card) == "GP106 [GeForce GTX 1060 6GB]")
    #expect(names.className(of: card) == "VGA compatible controller")
    #expect(names.device(of: gpu) == "UHD Graphics 620")
    #expect(names.className(of: gpu) == "Display controller")
    #expect(names.vendor(of: sound) == "Intel Corporation")
    #expect(names.device(of: sound) == nil)
    #expect(names.className(of: sound) == "Multimedia controller")
    #expect(names.vendor(of: other) == nil && names.device(of: other) == nil)
    #expect(names.className(of: other) == nil)
  }

  @Test func namesThatCannotStandOnATerminal() throws {
    let card = try function("0x10de", "0x1c03", "0x030000")
    let bad = "10de  NVIDIA\u{1b}[2J\n\t1c03  \(String(repeating: "x", count: 300))\n"
    let names = PCINames(of: [card], in: Array(bad.utf8))
    #expect(names.vendor(of: card) == nil && names.device(of: card) == nil)
  }

  @Test func noFileAndNoSense() throws {
    let tree = try SysfsTree.desktop()
    let functions = try tree.host.pciFunctions()
    #expect(tree.host.names(of: functions) == PCINames(of: [], in: []))
    try tree.file("/usr/share/hwdata/pci.ids", text)
    let names = tree.host.names(of: functions)
    #expect(names.vendor(of: functions[0]) == "Intel Corporation")

    var generator = SeededGenerator(seed: 1)
    for _ in 0..<300 {
      var bytes = Array(text.utf8)
      for _ in 0..<20 {
        bytes[Int.random(in: bytes.indices, using: &generator)] = .random(
          in: 0...255, using: &generator)
      }
      _ = PCINames(
        of: functions, in: Array(bytes.dropLast(.random(in: 0...200, using: &generator))))
    }
  }
}
