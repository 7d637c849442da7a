// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestSession
import HostDevices
import QEMU
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Plans that are described only: for a host without any of their devices.
@Suite struct PlanTests {
  private let program = QEMUProgram(path: "/no/qemu", version: "", takesDescriptors: true)
  private let uuid = MdevUUID("83b8f4f2-509f-382f-3c1e-e6bfe0fa1001")

  private func describe(
    _ plan: GuestPlan, folders: GuestFolders? = nil
  ) throws -> (guest: GuestConfiguration, notices: [String]) {
    let host = HostHardware(root: FilePath(try SysfsTree().root))
    var notices: [String] = []
    let guest = try plan.configuration(for: program, folders: folders, host: host) { notice in
      if case .supposed = notice { notices.append("\(notice)") }
    }
    return (guest, notices)
  }

  private func refusal(_ plan: GuestPlan) throws -> String {
    let error = try #require(throws: GuestError.self) { try describe(plan) }
    guard case .unsuitable = error else { return "other: \(error)" }
    return "\(error)"
  }

  @Test func vGPUIsNamedOrMade() throws {
    let uuid = try #require(uuid)
    #expect(GuestPlan.VGPU("\(uuid)") == .existing(uuid))
    #expect(GuestPlan.VGPU("i915-GVTg_V5_4") == .made(type: "i915-GVTg_V5_4"))
    let named = try describe(GuestPlan(vGPU: .existing(uuid)))
    #expect(named.guest.vGPU?.uuid == uuid && named.guest.name == "vgpu-\(uuid)")
    #expect(named.guest.hasBootScreen, "it is taken for one of Intel's")
    #expect(named.notices.contains { $0.hasPrefix("\(uuid): not on this host") })
    let made = try describe(GuestPlan(vGPU: .made(type: "mbochs-small")))
    let random = try #require(made.guest.vGPU?.uuid)
    #expect(made.notices.contains { $0.contains("vgpu create mbochs-small --uuid \(random)") })
    #expect(!made.guest.hasBootScreen)
  }

  @Test func openChoicesFollowGraphicsAndSystem() throws {
    var plan = GuestPlan(profile: .igd)
    var guest = try describe(plan).guest
    #expect(guest.machine == .pc && guest.firmware == .bios && !guest.hidesHypervisor)
    #expect(guest.name == "vgpu-igd-0000-00-02.0")
    #expect(guest.passedSlots.map(\.role) == [.integratedGraphics])
    plan = GuestPlan(profile: .gpu)
    plan.gpu = PCISelector("01:00")
    plan.firmware = .bios
    guest = try describe(plan).guest
    #expect(guest.machine == .q35 && guest.hidesHypervisor && guest.hasVirtio)
    #expect(guest.name == "vgpu-gpu-0000-01-00.0")
    plan.isWindows = true
    plan.hidesHypervisor = false
    guest = try describe(plan).guest
    #expect(!guest.hasVirtio && !guest.hidesHypervisor && guest.isWindows)
    plan.hasVirtio = true
    #expect(try describe(plan).guest.hasVirtio)
  }

  @Test func absentDevicesAreTakenAsNamed() throws {
    var plan = GuestPlan(profile: .gpu)
    plan.gpu = PCISelector("01:00")
    plan.firmware = .bios
    plan.pci = ["01:00.1", "05:00", "05:00.2"].compactMap { PCISelector($0) }
    plan.scsi = ["/dev/none", "/dev/nil"]
    let (guest, notices) = try describe(plan)
    #expect(
      guest.passedSlots.map { $0.functions.map(\.description) } == [
        ["0000:01:00.0", "0000:01:00.1"], ["0000:05:00.0", "0000:05:00.2"],
      ])
    #expect(guest.scsiDevices.map(\.genericNode) == ["/dev/sg0", "/dev/sg1"])
    #expect(notices.contains("0000:01:00.0 is taken as it was named: not on this host"))
    #expect(notices.contains { $0.hasPrefix("taken for /dev/sg1: ") })
  }

  @Test func selectorsAreRead() {
    for (text, whole) in [("0000:01:00.0", false), ("0000:01:00", true)] {
      #expect(PCISelector(text)?.isWholeDevice == whole)
      #expect(PCISelector(text)?.description == text)
    }
    #expect(PCISelector("01:00")?.description == "0000:01:00")
    #expect(PCISelector("01:00.8") == nil && PCISelector("") == nil)
  }

  @Test func socketsAndNames() throws {
    try TestFolder.with { folder in
      let folders = GuestFolders.at(state: folder, sockets: folder)
      var plan = GuestPlan()
      plan.name = "web"
      let guest = try describe(plan, folders: folders).guest
      #expect(guest.qmpSockets == ["\(folder)/web.qmp", "\(folder)/web.commands.qmp"])
      #expect(guest.name == "web")
      plan.name = String(repeating: "n", count: 90)
      let error = try #require(throws: GuestError.self) { try describe(plan, folders: folders) }
      #expect("\(error)".contains("too long for a socket"))
      #expect(try describe(plan).guest.qmpSockets == [])
    }
  }

  @Test func whatNoGuestCanHaveIsRefused() throws {
    var plan = GuestPlan()
    #expect(try refusal(plan).contains("give a name"))
    for name in ["", "a/b", ".", "a\nb"] {
      plan.name = name
      #expect(try refusal(plan).hasPrefix("name "))
    }
    plan.name = "guest"
    for count in [0, 513] {
      plan.cpus = count
      #expect(try refusal(plan) == "\(count) processors: give 1 to 512")
    }
    plan.cpus = 1
    plan.memory = 0
    #expect(try refusal(plan).hasPrefix("0 MiB"))
    plan.memory = 64
    plan.scsi = Array(repeating: "/dev/sr0", count: 9)
    #expect(try refusal(plan).hasPrefix("9 SCSI devices"))
    plan.scsi = []
    plan.disks = Array(repeating: try NamedDisk(parsing: "/dev/null"), count: 6)
    plan.cdrom = plan.disks.first
    plan.hasVirtio = false
    #expect(try refusal(plan).hasPrefix("7 disks: SATA takes 6"))
    plan = GuestPlan(profile: .gpu)
    #expect(try refusal(plan).contains("name the graphics card"))
    plan.gpu = PCISelector("01:00")
    plan.firmware = .bios
    plan.pci = (2..<10).compactMap { PCISelector("0\($0):00.0") }
    #expect(try refusal(plan).hasPrefix("9 PCI devices: give 8 at most"))
  }

  @Test func romThatCannotBeReadIsNamed() throws {
    var plan = GuestPlan(profile: .igd)
    plan.rom = "/no/rom"
    let error = try #require(throws: GuestError.self) { try describe(plan) }
    #expect("\(error)" == "/no/rom: No such file or directory; name a ROM that you may read")
  }
}
