// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing
import VFIO

@testable import HostDevices

/// Virtual functions of a card with SR-IOV (QEMU's igb) on Debian's kernel (`Rig/run-tcg --board pci`), as
/// root.
@Suite(
  .serialized,
  .enabled(
    if: ProcessInfo.processInfo.environment["VGPU_RIG"] == "tcg-pci",
    "runs in the rig: Rig/run-tcg --board pci"))
struct VirtualPassthroughTests {
  private let host = HostHardware()
  private let card: PCIAddress
  private let display: PCIAddress
  private let pair: [PCIAddress]

  init() throws {
    // Where Rig/run-tcg puts them.
    card = try #require(PCIAddress("05:00.0"))
    display = try #require(PCIAddress("00:04.0"))
    pair = try ["03:00.0", "03:00.1"].map { try #require(PCIAddress($0)) }
  }

  private func text(_ file: String) throws -> String {
    try String(contentsOfFile: "/sys/bus/pci/devices/\(card)/\(file)", encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func vgpu(_ arguments: String...) throws -> (code: Int32, text: String) {
    let products = URL(fileURLWithPath: CommandLine.arguments[0])
      .resolvingSymlinksInPath().deletingLastPathComponent()
    let answer = try Program.run([products.appendingPathComponent("vgpu").path] + arguments)
    return (answer.code, answer.text)
  }

  /// The card's own driver, switch, interface and hardware address, which nothing may change.
  private func cardState() throws -> [String] {
    let interfaces = try FileManager.default.contentsOfDirectory(
      atPath: "/sys/bus/pci/devices/\(card)/net")
    return [
      host.pciFunction(at: card)?.driver ?? "-", try text("sriov_drivers_autoprobe"),
      try text("driver_override"),
    ] + (try interfaces.sorted().map { try text("net/\($0)/address") + $0 })
  }

  /// Runs `body`, and expects everything to be as before.
  private func leavingNothing(_ body: () throws -> Void) throws {
    let before = try host.pciFunctions().map { "\($0.address) \($0.driver ?? "-")" }
    let card = try cardState()
    defer {
      _ = try? PCIBindings().restore()
      try? VirtualFunctions().removeAll(of: self.card)
    }
    try body()
    #expect(try host.pciFunctions().map { "\($0.address) \($0.driver ?? "-")" } == before)
    #expect(try cardState() == card)
    #expect(try text("sriov_numvfs") == "0")
    #expect(PCIBindings().remembered.isEmpty)
    #expect(!VirtualFunctions().areOurs(of: self.card))
  }

  /// Opens a function as a VM manager does.
  private func open(_ address: PCIAddress, _ body: () throws -> Void) throws {
    let container = try Container()
    let group = try Group(number: try #require(host.pciFunction(at: address)?.iommuGroup))
    try group.setContainer(container)
    try container.setIOMMU(.type1v2)
    let device = try group.device(named: "\(address)")
    try body()
    _ = consume device
  }

  @Test func virtualFunctionsThereAndBack() throws {
    try leavingNothing {
      #expect(VirtualFunctions().most(of: card) == 7)
      let made = try host.createFunctions(type: "sriov", parent: "05:00.0", count: 3)
      #expect(made.map { "\($0.address)" } == ["0000:05:10.0", "0000:05:10.2", "0000:05:10.4"])
      for vGPU in made {
        #expect(vGPU.kind == .sriov)
        #expect(vGPU.function.driver == "vfio-pci")
        #expect(vGPU.function.physicalFunction == card)
        #expect(vGPU.groupNode != nil)
      }
      #expect(Set(made.map(\.function.iommuGroup)).count == 3)
      #expect(try text("sriov_numvfs") == "3")
      #expect(throws: VirtualFunctionError.madeAlready(card, made: 3, free: 0)) {
        try host.createFunctions(type: "sriov", parent: "05:00.0")
      }
      try host.removeFunction(made[0].address)
      #expect(host.pciFunction(at: made[0].address)?.driver == nil)
      #expect(try text("sriov_numvfs") == "3")
      try host.removeFunction(made[1].address)
      try host.removeFunction(made[2].address)
      #expect(host.pciFunction(at: made[2].address) == nil)
    }
  }

  /// Whoever has one open keeps it, and with it all of the card's.
  @Test func runningGuestIsLeftAlone() throws {
    try leavingNothing {
      let made = try host.createFunctions(type: "sriov", parent: "05:00.0", count: 2)
      let first = made[0].address
      try open(first) {
        #expect(host.users(of: first) == [getpid()])
        #expect(host.users(of: made[1].address).isEmpty)
        #expect(throws: VirtualFunctionError.inUse(first, processes: [getpid()])) {
          try host.removeFunction(first)
        }
        #expect(throws: VirtualFunctionError.self) { try host.removeFunction(card) }
        let refusal = try vgpu("remove", "\(card)")
        #expect(refusal.code == 75)
        #expect(refusal.text.contains("process \(getpid())"))
        // Its holder is known, and that it shows nothing.
        let info = try vgpu("info", "\(first)")
        #expect(info.code == 0, "\(info.text)")
        #expect(info.text.contains("guest              pci:\(first): a vGPU"))
        #expect(info.text.contains("process            \(getpid()) "))
        #expect(info.text.contains("no display"))
        #expect(info.text.contains("driver vfio-pci shows the host nothing"))
        let shot = try vgpu("screenshot", "pci:\(first)", "/tmp/none.png")
        #expect(shot.code == 80)
        #expect(shot.text.contains("-display dbus,p2p=yes"))
        // One that nobody has.
        #expect(try vgpu("screenshot", "\(made[1].address)", "/tmp/none.png").code == 69)
      }
      try host.removeFunction(card)
    }
  }

  @Test func byTheCommandLine() throws {
    try leavingNothing {
      let there = try vgpu("create", "sriov", "--parent", "05:00.0", "--count", "2")
      #expect(there.code == 0 && there.text == "0000:05:10.0\n0000:05:10.2\n")
      #expect(try vgpu("create", "sriov", "--parent", "05:00.0", "--count", "8").code != 0)
      #expect(try vgpu("remove", "pci:05:10.0").code == 0)
      #expect(try vgpu("remove", "05:10.2").code == 0)
      #expect(try vgpu("remove", "05:10.2").code == 66)
      #expect(try vgpu("create", "sriov", "--parent", "01:00.0").code == 82)
      #expect(try vgpu("create", "sriov", "--parent", "05:00.0", "--count", "9").text.contains("7"))
    }
  }

  @Test func wholeGPUIsListedWithItsUser() throws {
    _ = try PCIBindings().bind([display], to: "vfio-pci")
    defer { _ = try? PCIBindings().restore() }
    try open(display) {
      let list = try vgpu("list")
      let row = list.text.split(separator: "\n").first { $0.hasPrefix("\(display)") } ?? ""
      let words = row.split(separator: " ").map(String.init)
      #expect(words.prefix(4) == ["\(display)", "gpu", "vfio-pci", "-"], "\(list.text)")
      #expect(words.last == "pid:\(getpid())")
    }
    #expect(try vgpu("info", "\(display)").code == 0)
  }

  /// Two functions of one group: the holder of the group has one of them, and is not taken for the other
  /// one's.
  @Test func functionOfASharedGroupIsRecognized() throws {
    _ = try PCIBindings().bind(pair, to: "vfio-pci")
    defer { _ = try? PCIBindings().restore() }
    func shown(_ address: PCIAddress) throws -> String { try vgpu("info", "\(address)").text }
    for (own, other) in [(pair[0], pair[1]), (pair[1], pair[0])] {
      try open(own) {
        let texts = try [own, other].map(shown)
        #expect(texts[0].contains("display            no display"), "\(texts[0])")
        #expect(!texts[1].contains("display            no display"), "\(texts[1])")
      }
    }
  }
}
