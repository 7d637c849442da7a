// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import QEMU
import TestSupport
import Testing

@testable import Libvirt

/// Domains that are written for libvirt, judged by its own schema.
@Suite struct DomainXMLTests {
  static let uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

  /// What gives a guest its graphics.
  enum Graphics: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case intelVGPU, otherVGPU, integrated, card, cardWithoutVGA, cardAndVGPU, virtio, virtioGL
    var testDescription: String { rawValue }

    func guest(isWindows: Bool) throws -> GuestConfiguration {
      func vGPU(_ type: String) throws -> MdevDevice {
        MdevDevice(uuid: try #require(MdevUUID(uuid)), type: type)
      }
      func slot(_ role: PassedSlot.Role, _ addresses: String...) throws -> PassedSlot {
        PassedSlot(role: role, functions: try addresses.map { try #require(PCIAddress($0)) })
      }
      var guest = GuestConfiguration(name: "guest", isWindows: isWindows)
      switch self {
      case .intelVGPU:
        guest = GuestConfiguration(vGPU: try vGPU("i915-GVTg_V5_4"), isWindows: isWindows)
        guest.display = .dbus(hasGL: false)
      case .otherVGPU:
        guest = GuestConfiguration(vGPU: try vGPU("mbochs-small"), isWindows: isWindows)
      case .virtio, .virtioGL:
        guest.hasVirtioGPU = true
        guest.display = .dbus(hasGL: self == .virtioGL)
      case .integrated:
        var graphics = try slot(.integratedGraphics, "00:02.0")
        graphics.rom = "/roms/it's <&>.bin"
        guest.passedSlots = [graphics]
      case .card:
        guest.passedSlots = [
          try slot(.graphicsCard(hasVGA: true), "0001:01:00.0", "0001:01:00.1"),
          try slot(.device, "00:14.0"), try slot(.device, "05:00.1", "05:00.2"),
        ]
      case .cardWithoutVGA:
        guest.passedSlots = [try slot(.graphicsCard(hasVGA: false), "01:00.0")]
      case .cardAndVGPU:
        guest.vGPU = try vGPU("i915-GVTg_V5_4")
        guest.passedSlots = [try slot(.graphicsCard(hasVGA: true), "01:00.0", "01:00.1")]
      }
      return guest
    }
  }

  /// libvirt would bind it to vfio-pci, and end the virtual GPU that its own driver has made of it.
  @Test func aVirtualGPUIsNotManaged() throws {
    var guest = GuestConfiguration(name: "guest")
    guest.passedSlots = [
      PassedSlot(
        role: .graphicsCard(hasVGA: false), functions: [try #require(PCIAddress("41:00.4"))])
    ]
    let managed = #"<hostdev mode="subsystem" type="pci" managed="yes">"#
    func written() throws -> String { try xml(guest).replacing("'", with: "\"") }
    #expect(try written().contains(managed))
    guest.passedSlots[0].mustKeepDriver = true
    #expect(try written().contains(managed.replacing("yes", with: "no")))
  }

  /// Every option, in one guest or another.
  private func variants(_ graphics: Graphics) throws -> [GuestConfiguration] {
    var all: [GuestConfiguration] = []
    for machine in GuestConfiguration.Machine.allCases {
      for isWindows in [false, true] {
        var guest = try graphics.guest(isWindows: isWindows)
        guest.machine = machine
        all.append(guest)
        guest.hasVirtio.toggle()
        guest.hidesHypervisor = true
        guest.hasSound = guest.display != .none
        guest.disks = [
          DiskImage(path: "/disks/a'b <&>.img", format: .raw),
          DiskImage(
            path: "/disks/c.qcow2", format: .qcow2,
            backing: [
              DiskImage(path: "/disks/middle", format: .qcow2),
              DiskImage(path: "/disks/base", format: .raw),
            ]),
          DiskImage(path: "/dev/null", format: .raw),
        ]
        guest.cdroms = ["/disks/cd.iso", "/disks/drivers.iso"].map {
          DiskImage(path: $0, format: .raw)
        }
        guest.hasSecureBoot = machine == .q35
        guest.tpm = EmulatedTPM(model: isWindows ? .crb : .tis)
        guest.hasGuestAgent = true
        guest.shares = [
          FolderShare(path: "/a'b", tag: "a", isReadOnly: true, way: .plan9),
          FolderShare(path: "/c", tag: "c", isReadOnly: isWindows, way: .virtiofs(socket: nil)),
        ]
        guest.firmware = .uefi(
          code: DiskImage(path: "/firmware/code.fd", format: .raw),
          variables: DiskImage(path: "/firmware/vars.fd", format: .raw))
        guest.cpus = 4
        guest.pinning = ProcessorPinning(threads: 2, processors: [2, 6, 3, 7], isAMD: true)
        guest.hugePages = HugePages(size: isWindows ? .oneGiB : .twoMiB)
        guest.network = machine == .pc ? .tap(nil) : .tap("tap0")
        guest.usbDevices = [.id(vendor: 0x046D, product: 0xC52B), .address(bus: 1, device: 4)]
        guest.scsiDevices = [
          SCSIDevice(genericNode: "/dev/sg0", host: 1, channel: 0, target: 0, unit: 0),
          SCSIDevice(genericNode: "/dev/sg1", host: 2, channel: 0, target: 0, unit: 0),
        ]
        guest.hasAgentPort = true
        guest.extra = ["-snapshot", "-fw_cfg", "name=opt/a,string='<&>'"]
        all.append(guest)
        guest.hasKVM = false
        guest.network = .none
        all.append(guest)
      }
    }
    return all
  }

  @Test(arguments: Graphics.allCases)
  func libvirtsSchemaHasNothingToSay(graphics: Graphics) throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("domain-\(UUID()).xml").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    for guest in try variants(graphics) {
      let xml = try guest.domainXML(emulator: "/usr/bin/qemu-system-x86_64")
      try xml.write(toFile: path, atomically: true, encoding: .utf8)
      let validate = Process()
      let output = Pipe()
      validate.executableURL = URL(fileURLWithPath: "/usr/bin/virt-xml-validate")
      validate.arguments = [path, "domain"]
      validate.standardOutput = output
      validate.standardError = output
      try validate.run()
      let text = output.fileHandleForReading.readDataToEndOfFile()
      validate.waitUntilExit()
      #expect(validate.terminationStatus == 0, "\(String(decoding: text, as: UTF8.self))\n\(xml)")
      // What is written can be read again.
      let mdevs = try DomainXML(Array(xml.utf8)).devices.compactMap { device in
        if case .mdev(let uuid) = device { "\(uuid)" } else { nil }
      }
      #expect(mdevs == (guest.vGPU == nil ? [] : [Self.uuid]))
      let functions = try DomainXML(Array(xml.utf8)).devices.compactMap { device in
        if case .pci(let address) = device { address } else { nil }
      }
      #expect(functions == guest.passedSlots.flatMap(\.functions))
    }
  }

  private func xml(_ guest: GuestConfiguration) throws -> String {
    try guest.domainXML(emulator: "/usr/bin/qemu-system-x86_64")
  }

  @Test func propertiesThatLibvirtHasNoElementForAreSet() throws {
    func overridden(_ graphics: Graphics) throws -> [String] {
      try xml(graphics.guest(isWindows: false)).split(separator: "\n")
        .filter { $0.contains("<qemu:device") || $0.contains("<qemu:property") }
        .compactMap { $0.split(separator: "'").dropFirst().first.map(String.init) }
    }
    #expect(try overridden(.intelVGPU) == ["ua-vgpu0", "x-igd-opregion"])
    #expect(try overridden(.otherVGPU) == [])
    #expect(try overridden(.integrated) == ["ua-pci0.0", "x-igd-opregion"])
    #expect(try overridden(.card) == ["ua-pci0.0", "x-vga"])
    #expect(try overridden(.cardWithoutVGA) == [])
    #expect(
      try overridden(.cardAndVGPU) == ["ua-vgpu0", "x-igd-opregion", "ua-pci0.0", "x-vga"])
  }

  @Test func nothingDrawsButTheVGPU() throws {
    let plain = try xml(Graphics.otherVGPU.guest(isWindows: false))
    #expect(plain.contains("<model type='none'/>"))
    #expect(plain.contains("model='vfio-pci' display='off'"))
    #expect(!plain.contains("<graphics"))
  }

  /// The screens that QEMU draws are on its D-Bus display.
  @Test func displayShowsWhatQEMUDraws() throws {
    func about(_ graphics: Graphics) throws -> [String] {
      let words = ["<graphics", "<gl ", "<video", "<model type='v", "<model type='ram", "<accel"]
      return try xml(graphics.guest(isWindows: false)).split(separator: "\n")
        .map { $0.trimmingCharacters(in: .whitespaces) }
        .filter { line in
          words.contains { line.hasPrefix($0) } && line != "<model type='virtio'/>"
        }
    }
    #expect(
      try about(.intelVGPU) == [
        "<graphics type='dbus' p2p='yes'/>", "<video>", "<model type='ramfb'/>",
      ])
    #expect(
      try about(.virtio) == [
        "<graphics type='dbus' p2p='yes'/>", "<video>", "<model type='virtio' primary='yes'/>",
      ])
    #expect(
      try about(.virtioGL) == [
        "<graphics type='dbus' p2p='yes'>", "<gl enable='yes'/>", "<video>",
        "<model type='virtio' primary='yes'>", "<acceleration accel3d='yes'/>",
      ])
  }

  /// An audio device, whose sound goes to the display; and it is found again.
  @Test func soundGoesToTheDisplay() throws {
    var guest = try Graphics.virtio.guest(isWindows: false)
    #expect(try !DomainXML(Array(xml(guest).utf8)).displayHasSound)
    guest.hasSound = true
    let text = try xml(guest)
    let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    for line in ["<sound model='ich9'>", "<audio id='1' type='dbus' timerPeriod='5000'/>"] {
      #expect(lines.contains(line))
    }
    #expect(lines.count { $0 == "<audio id='1'/>" } == 2)
    #expect(try DomainXML(Array(text.utf8)).displayHasSound)
    for other in [
      text.replacing("type='dbus' timer", with: "type='none' timer"),
      text.replacing("<audio id='1' type", with: "<audio id='2' type"),
      text.replacing("p2p='yes'", with: "p2p='no'"),
    ] {
      #expect(try !DomainXML(Array(other.utf8)).displayHasSound)
    }
  }

  /// A touch screen, which only QEMU's own arguments give.
  @Test func touchScreenIsFound() throws {
    let guest = try Graphics.virtio.guest(isWindows: false)
    #expect(try !DomainXML(Array(xml(guest).utf8)).hasTouchScreen)
    for device in [
      "virtio-multitouch-pci", "{&quot;driver&quot;:&quot;virtio-multitouch-pci&quot;}",
    ] {
      let text = """
        <domain type='kvm' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>
        <metadata><arg value='-device'/></metadata>
        <q:commandline><q:arg value='-device'/><q:arg value='\(device)'/></q:commandline></domain>
        """
      #expect(try DomainXML(Array(text.utf8)).hasTouchScreen)
      let other = text.replacing("schemas/domain/qemu", with: "schemas/domain/other")
      #expect(try !DomainXML(Array(other.utf8)).hasTouchScreen)
    }
  }

  /// libvirt looks into no image for what follows.
  @Test func chainsAreWrittenDownToTheirEnd() throws {
    var guest = try Graphics.otherVGPU.guest(isWindows: false)
    guest.disks = [
      DiskImage(path: "/a.img", format: .raw),
      DiskImage(
        path: "/top", format: .qcow2, backing: [DiskImage(path: "/base", format: .raw)]),
    ]
    guest.cdroms = [DiskImage(path: "/cd.iso", format: .raw)]
    let lines = try xml(guest).split(separator: "\n").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    let about = ["<driver", "<source file", "<backingStore", "<format", "</backingStore"]
    #expect(
      lines.filter { line in about.contains { line.hasPrefix($0) } } == [
        "<driver name='qemu' type='raw'/>", "<source file='/a.img'/>", "<backingStore/>",
        "<driver name='qemu' type='qcow2'/>", "<source file='/top'/>",
        "<backingStore type='file'>", "<format type='raw'/>", "<source file='/base'/>",
        "<backingStore/>", "</backingStore>",
        "<driver name='qemu' type='raw'/>", "<source file='/cd.iso'/>", "<backingStore/>",
      ])
    guest.disks = [DiskImage(path: "/top", format: .qcow2, dataFile: "/data")]
    let error = #expect(throws: QEMUError.self) { try self.xml(guest) }
    #expect(error?.description.contains("qemu-img convert") == true)
  }

  @Test func firmwareThatIsNotRawIsSaid() throws {
    var guest = try Graphics.otherVGPU.guest(isWindows: false)
    func firmware(_ format: DiskImage.Format) throws -> String {
      guest.firmware = .uefi(
        code: DiskImage(path: "/code", format: format),
        variables: DiskImage(path: "/vars", format: format))
      return try xml(guest)
    }
    #expect(try !firmware(.raw).contains("format="))
    #expect(
      try firmware(.qcow2).contains(
        "<loader readonly='yes' type='pflash' format='qcow2'>/code</loader>"))
  }

  @Test func secureBootTPMAndAgent() throws {
    var guest = try Graphics.virtio.guest(isWindows: true)
    let plain = try xml(guest)
    for word in ["secure=", "<smm", "<tpm", "<channel", "<boot"] { #expect(!plain.contains(word)) }
    guest.firmware = .uefi(
      code: DiskImage(path: "/code", format: .raw), variables: DiskImage(path: "/v", format: .raw))
    guest.hasSecureBoot = true
    guest.tpm = EmulatedTPM(model: .crb)
    guest.hasGuestAgent = true
    guest.disks = [DiskImage(path: "/d", format: .raw)]
    guest.cdroms = ["/a", "/b"].map { DiskImage(path: $0, format: .raw) }
    let lines = try xml(guest).split(separator: "\n").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    for line in [
      "<loader readonly='yes' secure='yes' type='pflash'>/code</loader>", "<smm state='on'/>",
      "<tpm model='tpm-crb'>", "<backend type='emulator' version='2.0'/>", "<channel type='unix'>",
      "<target type='virtio' name='org.qemu.guest_agent.0'/>", "<nvram template='/v'/>",
    ] { #expect(lines.contains(line), "\(line)") }
    #expect(
      lines.filter { $0.hasPrefix("<boot ") || $0.hasPrefix("<target dev") } == [
        "<target dev='sda' bus='sata'/>", "<boot order='1'/>", "<target dev='sdb' bus='sata'/>",
        "<boot order='2'/>", "<target dev='sdc' bus='sata'/>", "<boot order='3'/>",
      ])
  }

  /// libvirt shares the guest's memory with virtiofsd only when it is told to.
  @Test func foldersOfTheHost() throws {
    var guest = try Graphics.virtio.guest(isWindows: false)
    guest.shares = [FolderShare(path: "/a", tag: "a", isReadOnly: true, way: .plan9)]
    func lines() throws -> [String] {
      try xml(guest).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    #expect(try !lines().contains("<memoryBacking>"))
    let filesystem = [
      "<filesystem type='mount' accessmode='mapped' multidevs='remap'>",
      "<source dir='/a'/>", "<target dir='a'/>", "<readonly/>",
    ]
    for line in filesystem { #expect(try lines().contains(line), "\(line)") }
    guest.shares[0].way = .virtiofs(socket: nil)
    guest.hugePages = HugePages(size: .twoMiB)
    for line in [
      "<filesystem type='mount' accessmode='passthrough'>", "<driver type='virtiofs'/>",
      "<source type='memfd'/>", "<access mode='shared'/>", "<page size='2' unit='MiB'/>",
    ] { #expect(try lines().contains(line), "\(line)") }
  }

  @Test func namesThatXMLCannotHoldAreRefused() throws {
    var guest = try Graphics.otherVGPU.guest(isWindows: false)
    guest.disks = [DiskImage(path: "/a\u{1}b", format: .raw)]
    let error = #expect(throws: QEMUError.self) { try self.xml(guest) }
    #expect(error?.description.contains("control characters; rename it") == true)
  }
}
