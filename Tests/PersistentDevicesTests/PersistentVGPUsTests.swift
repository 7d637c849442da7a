// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import PersistentDevices

/// What is asked of mdevctl and driverctl, and what becomes of their answers. The programs themselves
/// run in the rig.
@Suite struct PersistentVGPUsTests {
  private let tree: SysfsTree
  private let uuid = MdevUUID(high: 0x1122_3344_5566_7788, low: 0x99aa_bbcc_ddee_ff00)

  init() throws { tree = try SysfsTree() }

  /// A program of a shell's that notes what it is asked, and then does `body`.
  private func program(_ name: String, _ body: String) throws -> SystemProgram {
    try tree.folder("/bin")
    try Program.write(
      "#!/bin/sh\necho \"$*\" >>'\(tree.location("/asked"))'\n\(body)\n",
      to: tree.location("/bin/\(name)"))
    return try #require(SystemProgram(name, in: ["/nowhere", tree.location("/bin")]))
  }

  private func vGPUs(_ body: String) throws -> PersistentVGPUs {
    PersistentVGPUs(try program("mdevctl", body), on: HostHardware(root: .init(tree.root)))
  }

  private var asked: [String] {
    let text = (try? String(contentsOfFile: tree.location("/asked"), encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  private let list = """
    ffffffff-5566-7788-99aa-bbccddeeff00 0000:00:02.0 i915-GVTg_V5_8 manual (active)
    11223344-5566-7788-99aa-bbccddeeff00 0000:00:02.0 i915-GVTg_V5_4 auto
    11223344-5566-7788-99aa-bbccddeeff00~ 0000:00:02.0 x auto
    """

  @Test func listIsRead() throws {
    let vGPUs = try vGPUs("cat <<'END'\n\(list)\nEND")
    let all = try vGPUs.all()
    #expect(all.map(\.type) == ["i915-GVTg_V5_4", "i915-GVTg_V5_8"])
    #expect(all.map(\.start) == [.auto, .manual])
    #expect(all.allSatisfy { $0.parent == "0000:00:02.0" })
    for vGPU in all { #expect(try vGPUs.vGPU(vGPU.uuid) == vGPU) }
    #expect(try vGPUs.vGPU(MdevUUID(high: 1, low: 2)) == nil)
    #expect(asked == Array(repeating: "list --defined", count: 4))
  }

  @Test(arguments: [
    "\u{0}", "No devices", "11223344-5566-7788-99aa-bbccddeeff00",
    "11223344-5566-7788-99aa-bbccddeeff00 0000:00:02.0 i915-GVTg_V5_4 automatic",
    "11223344-5566-7788-99aa-bbccddeeff00 0000:00:02.0 i915-GVTg_V5_4 auto x",
    "(active)",
  ])
  func listThatMakesNoSense(text: String) {
    #expect(
      throws: PersistenceError.malformed(
        program: "mdevctl", command: "mdevctl list --defined")
    ) {
      try PersistentVGPUs.read(Array(text.utf8))
    }
  }

  @Test func vGPUIsKept() throws {
    let vGPUs = try vGPUs("exit 0")
    try vGPUs.keep(uuid, start: .auto)
    try vGPUs.keep(uuid, start: .manual)
    #expect(asked == ["define --auto --uuid \(uuid)", "define --uuid \(uuid)"])
  }

  @Test func reasonIsTheProgramsOwn() throws {
    let vGPUs = try vGPUs("echo out; echo 'Error: no' >&2; echo 'Error: never' >&2; exit 3")
    #expect(
      throws: PersistenceError.failed(
        command: "mdevctl define --uuid \(uuid)", reason: "no; never")
    ) {
      try vGPUs.keep(uuid, start: .manual)
    }
  }

  @Test(arguments: [("exit 3", "ended with code 3"), ("kill -9 $$", "ended by signal 9")])
  func endWithoutReason(body: String, reason: String) throws {
    let vGPUs = try vGPUs(body)
    #expect(
      throws: PersistenceError.failed(
        command: "mdevctl define --uuid \(uuid)", reason: reason)
    ) {
      try vGPUs.keep(uuid, start: .manual)
    }
  }

  /// Two pipes, read in turn, would wait for ever.
  @Test func muchIsPrinted() throws {
    let program = try program(
      "talker", "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; exit 0")
    let outcome = try program.run([])
    #expect(outcome.end == .exited(0))
    #expect(outcome.output.count == 300_000 && outcome.errors.count == 300_000)
    #expect(try program.run([], limit: 10).output.count == 10)
  }

  @Test func onlyPersistentOnesStart() throws {
    let vGPUs = try vGPUs(":")
    #expect(throws: PersistenceError.notPersistent(uuid)) { try vGPUs.start(uuid) }
    #expect(asked == ["list --defined"])
  }

  @Test func vGPUWithoutParentDoesNotStart() throws {
    let vGPUs = try vGPUs("cat <<'END'\n\(list)\nEND")
    #expect(throws: PersistenceError.host(.noParents)) { try vGPUs.start(uuid) }
    #expect(asked == ["list --defined"])
  }

  @Test func stoppedVGPUIsForgotten() throws {
    let vGPUs = try vGPUs("[ \"$1\" = list ] && cat <<'END'\n\(list)\nEND\nexit 0")
    try vGPUs.remove(uuid)
    #expect(asked.last == "undefine --uuid \(uuid)")
  }

  @Test func driverIsKeptAndForgotten() throws {
    let address = try #require(PCIAddress("0000:01:00.0"))
    let folder = tree.location("/driverctl.d")
    let bindings = PersistentBindings(try program("driverctl", "exit 0"), folder: folder)
    try bindings.keep("vfio-pci", of: address)
    #expect(asked == ["set-override 0000:01:00.0 vfio-pci"])
    try bindings.forget(address)
    try tree.file("/driverctl.d/pci-0000:01:00.0", "vfio-pci")
    try bindings.forget(address)
    #expect(!FileTree.exists("\(folder)/pci-0000:01:00.0"))
    #expect(asked.count == 1)
  }

  @Test func missingProgram() {
    #expect(SystemProgram("mdevctl", in: [tree.location("/bin")]) == nil)
    #expect(
      "\(PersistenceError.notInstalled(program: "mdevctl", purpose: "a persistent vGPU"))"
        == """
        mdevctl: not installed, and a persistent vGPU needs it; install it (Debian: apt install \
        mdevctl)
        """)
  }
}
