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
  private let program = QEMUProgram(
    path: "/no/qemu", version: "", takesDescriptors: true, hasDBusDisplay: true,
    virtioGPUs: [.plain, .gl])
  private let uuid = MdevUUID("83b8f4f2-509f-382f-3c1e-e6bfe0fa1001")

  private func describe(
    _ plan: GuestPlan, folders: GuestFolders? = nil, program: QEMUProgram? = nil,
    on tree: SysfsTree? = nil, trial: OpenGLTrial? = nil
  ) throws -> (guest: GuestConfiguration, notices: [String]) {
    let tree = try tree ?? SysfsTree()
    let host = HostHardware(root: FilePath(tree.root))
    var notices: [String] = []
    let guest = try plan.configuration(
      for: program ?? self.program, folders: folders, host: host, tryingOpenGL: trial
    ) { notice in
      switch notice {
      case .supposed, .noDisplay, .noOpenGL: notices.append("\(notice)")
      default: break
      }
    }
    return (guest, notices)
  }

  private func refusal(_ plan: GuestPlan, program: QEMUProgram? = nil) throws -> String {
    let error = try #require(throws: GuestError.self) { try describe(plan, program: program) }
    guard case .unsuitable = error else { return "other: \(error)" }
    return "\(error)"
  }

  @Test func vGPUIsNamedOrMade() throws {
    let uuid = try #require(uuid)
    #expect(GuestPlan.VGPU("\(uuid)") == .existing(uuid))
    #expect(GuestPlan.VGPU("i915-GVTg_V5_4") == .made(type: "i915-GVTg_V5_4"))
    let named = try describe(GuestPlan(vGPU: .existing(uuid)))
    #expect(named.guest.vGPU?.uuid == uuid && named.guest.name == "vgpu-\(uuid)")
    #expect(named.guest.hasBootScreen, "the description assumes a vGPU of Intel's")
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

  @Test func guestWithoutADeviceHasAVirtioGPU() throws {
    var plan = GuestPlan()
    #expect(plan.graphics == .virtio)
    let (guest, notices) = try describe(plan)
    #expect(guest.hasVirtioGPU && guest.vGPU == nil && guest.passedSlots.isEmpty)
    #expect(guest.display == .dbus(hasGL: false) && !guest.hasBootScreen && notices == [])
    #expect(guest.machine == .q35 && guest.firmware == .bios && !guest.hidesHypervisor)
    // The host's GPU draws where there is one that this user may use.
    let tree = try SysfsTree()
    try tree.file("/dev/dri/renderD129")
    func display(_ program: QEMUProgram? = nil) throws -> GuestConfiguration.Display {
      try describe(plan, program: program, on: tree).guest.display
    }
    #expect(try display() == .dbus(hasGL: true))
    let plain = QEMUProgram(
      path: "/q", version: "", takesDescriptors: true, hasDBusDisplay: true, virtioGPUs: [.plain])
    #expect(try display(plain) == .dbus(hasGL: false))
    plan.isWindows = true
    #expect(try display() == .dbus(hasGL: false))
    plan.hasGL = true
    #expect(try display() == .dbus(hasGL: true))
    plan.isWindows = false
    plan.hasGL = false
    #expect(try display() == .dbus(hasGL: false))
  }

  /// A render node whose driver does not work, or is a CPU, draws for no guest, and that is said.
  @Test func driversAreTried() throws {
    let tree = try SysfsTree()
    for number in 128...130 { try tree.file("/dev/dri/renderD\(number)") }
    func guest(
      _ outcomes: [OpenGLTrial.Outcome], _ plan: GuestPlan = GuestPlan()
    ) throws -> (guest: GuestConfiguration, notices: [String]) {
      try describe(
        plan, on: tree,
        trial: OpenGLTrial { node in outcomes[(Int(node.suffix(3)) ?? 0) - 128] })
    }
    let good = try guest([.works, .fails("x"), .fails("x")])
    #expect(good.guest.display == .dbus(hasGL: true) && good.guest.renderNode == nil)
    #expect(good.notices == [])
    // QEMU would take the first.
    let second = try guest([.fails("x"), .isSlow("y"), .works])
    #expect(second.guest.display == .dbus(hasGL: true) && second.notices == [])
    #expect(second.guest.renderNode == "/dev/dri/renderD130")
    let none = try guest([.fails("no driver"), .isSlow("llvmpipe is a CPU"), .fails("x")])
    #expect(none.guest.display == .dbus(hasGL: false) && none.guest.hasVirtioGPU)
    #expect(none.notices.count == 1)
    #expect(none.notices.first?.hasPrefix("/dev/dri/renderD128: no driver; so the guest") == true)
    // Who asks for OpenGL gets a CPU's, and learns that there is none at all.
    var plan = GuestPlan()
    plan.hasGL = true
    let slow = try guest([.fails("x"), .isSlow("y"), .isSlow("z")], plan)
    #expect(slow.guest.display == .dbus(hasGL: true) && slow.notices == [])
    #expect(slow.guest.renderNode == "/dev/dri/renderD129")
    let described = try guest([.fails("no driver"), .fails("x"), .fails("x")], plan)
    #expect(described.guest.display == .dbus(hasGL: true))
    #expect(described.notices.count == 1 && described.notices[0].contains("no driver; install"))
    // Nobody is asked for nothing.
    plan.hasGL = false
    #expect(try guest([], plan).guest.display == .dbus(hasGL: false))
    var windows = GuestPlan()
    windows.isWindows = true
    #expect(try guest([], windows).guest.display == .dbus(hasGL: false))
  }

  /// What QEMU or the host lacks is described nevertheless, and said.
  @Test func missingAbilitiesAreSaid() throws {
    let bare = QEMUProgram(path: "/q", version: "", takesDescriptors: true)
    var plan = GuestPlan()
    plan.hasGL = true
    let (guest, notices) = try describe(plan, program: bare)
    #expect(guest.hasVirtioGPU && guest.display == .dbus(hasGL: true))
    #expect(notices.count == 3 && notices.allSatisfy { $0.hasPrefix("the description assumes") })
    #expect(notices.contains { $0.contains("without the D-Bus display") })
    #expect(notices.contains { $0.contains("without the device virtio-vga-gl") })
    #expect(notices.contains { $0.contains("no render node may be opened") })
    // A vGPU's guest does without.
    let vGPU = GuestPlan(vGPU: .made(type: "mbochs-small"))
    #expect(try describe(vGPU).guest.display == .dbus(hasGL: false))
    let other = try describe(vGPU, program: bare)
    #expect(other.guest.display == .none && !other.guest.hasVirtioGPU)
    #expect(other.notices.contains { $0.hasPrefix("/q: this QEMU was built without the D-Bus") })
    // A whole GPU has its own monitor.
    let whole = try describe(GuestPlan(profile: .igd), program: bare)
    #expect(whole.guest.display == .none && !whole.guest.hasVirtioGPU)
    #expect(try describe(GuestPlan(profile: .igd)).guest.display == .none)
  }

  @Test func graphicsThatDoNotGoTogetherAreRefused() throws {
    var plan = GuestPlan(profile: .virtio, vGPU: .made(type: "t"))
    #expect(try refusal(plan) == "profile virtio: has no vGPU; choose the profile gvt-g")
    #expect(try refusal(GuestPlan(profile: .gvtG)).hasPrefix("profile gvt-g: name a vGPU"))
    plan = GuestPlan()
    plan.hasBootScreen = true
    #expect(try refusal(plan).hasPrefix("a boot screen: needs a vGPU"))
    plan = GuestPlan()
    plan.gpu = PCISelector("01:00")
    #expect(try refusal(plan).hasPrefix("a GPU, its ROM or its VGA: needs a whole GPU"))
    plan = GuestPlan(profile: .igd)
    plan.hasGL = true
    #expect(try refusal(plan).hasPrefix("OpenGL: needs a virtio GPU"))
    plan.hasGL = nil
    plan.hasVGA = true
    #expect(try refusal(plan).hasPrefix("VGA: needs a graphics card"))
  }

  /// Two guests never share files: a guest is named after its first disk, or at random.
  @Test func guestWithoutADeviceIsNamedAfterItsDisk() throws {
    try TestFolder.with { folder in
      let folders = GuestFolders.at(state: folder, sockets: folder)
      func guest(_ disk: String?) throws -> GuestConfiguration {
        var plan = GuestPlan()
        plan.disks = try [disk].compactMap { $0 }.map { try NamedDisk(parsing: "\($0),format=raw") }
        return try describe(plan, folders: folders).guest
      }
      var disks: [String] = []
      for name in ["a b", "c"] {
        try FileManager.default.createDirectory(
          atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        disks.append("\(folder)/\(name)/my disk.img")
        try Data(count: 512).write(to: URL(fileURLWithPath: disks[disks.count - 1]))
      }
      let first = try guest(disks[0])
      #expect(first.name.wholeMatch(of: /vgpu-virtio-my_disk\.img-[0-9a-f]+/) != nil)
      #expect(try first == guest(disks[0]))
      #expect(try first.name != guest(disks[1]).name)
      let path = try #require(first.qmpSockets.first)
      #expect(path == "\(folder)/\(first.name.dropFirst(5)).qmp")
      let (one, other) = (try guest(nil), try guest(nil))
      #expect(one.name != other.name && one.name.hasPrefix("vgpu-virtio-"))
      #expect(one.qmpSockets[0] == "\(folder)/\(one.name.dropFirst(5)).qmp")
    }
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
    #expect(notices.contains("0000:01:00.0: not on this host; the description uses it unchanged"))
    #expect(notices.contains { $0.hasPrefix("the description uses /dev/sg1 instead: ") })
  }

  /// A folder that this host lacks is another host's.
  @Test func foldersAreDescribed() throws {
    var plan = GuestPlan()
    plan.shares = [SharedFolder(path: "/no/folder", isReadOnly: true)]
    plan.isWindows = true
    let qemu = try QEMUProgram.probe()
    let (guest, notices) = try describe(plan, program: qemu)
    #expect(guest.shares.map(\.tag) == ["folder"] && guest.shares[0].isReadOnly)
    // Windows has no driver for 9p.
    #expect(guest.shares[0].way == .virtiofs(socket: nil))
    #expect(notices.contains { $0.hasPrefix("/no/folder: the description uses it unchanged") })
    plan.shares = [SharedFolder(path: "no/folder")]
    #expect(try refusal(plan, program: qemu).hasPrefix("other: no/folder: no such folder"))
    plan.shares = Array(repeating: SharedFolder(path: "/tmp"), count: 9)
    #expect(try refusal(plan, program: qemu) == "9 folders: give 8 at most")
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
      #expect(guest.hasAgentPort && guest.agentSocket == "\(folder)/web.agent")
      #expect(guest.name == "web")
      plan.name = String(repeating: "n", count: 90)
      let error = try #require(throws: GuestError.self) { try describe(plan, folders: folders) }
      #expect("\(error)".contains("too long for a socket"))
      let described = try describe(plan).guest
      #expect(described.qmpSockets == [] && described.agentSocket == nil && described.hasAgentPort)
    }
  }

  @Test func whatNoGuestCanHaveIsRefused() throws {
    var plan = GuestPlan()
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
    plan.cdroms = Array(plan.disks.prefix(1))
    plan.hasVirtio = false
    #expect(try refusal(plan).hasPrefix("7 disks: SATA takes 6"))
    plan.hasVirtio = true
    plan.cdroms = Array(repeating: plan.disks[0], count: 7)
    #expect(try refusal(plan).hasPrefix("7 disks: SATA takes 6"))
    plan = GuestPlan()
    plan.hasSecureBoot = true
    plan.firmware = .bios
    #expect(try refusal(plan) == "Secure Boot: needs UEFI; leave the firmware BIOS out")
    plan.firmware = nil
    plan.machine = .pc
    #expect(try refusal(plan) == "Secure Boot: needs the mainboard q35")
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
    #expect("\(error)" == "/no/rom: open: No such file or directory; name a ROM that you may read")
  }
}
