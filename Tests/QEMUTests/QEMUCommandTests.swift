// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import QEMU
import TestSupport
import Testing

@Suite(.serialized, .onOwnThread) struct QEMUCommandTests {
  private func configuration(_ type: String = "mbochs-small") throws -> GuestConfiguration {
    // A device as `vgpu list --json` prints it.
    let json = """
      {"uuid": "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "type": "\(type)", "parent": "mbochs",
       "path": "/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"}
      """
    return GuestConfiguration(
      vGPU: try JSONDecoder().decode(MdevDevice.self, from: Data(json.utf8)))
  }

  /// An image as QEMU is told of it.
  private func json(_ format: String, _ path: String, _ rest: String = "") -> String {
    "file=json:{\"driver\":\"\(format)\",,"
      + "\"file\":{\"driver\":\"file\",,\"filename\":\"\(path)\"}\(rest)}"
  }

  private func option(_ name: String, in arguments: [String]) -> [String] {
    arguments.indices.dropLast().filter { arguments[$0] == name }.map { arguments[$0 + 1] }
  }

  @Test func deviceIsNamedBesideItsDescriptor() throws {
    let arguments = try configuration().arguments(.descriptors(device: 22, iommufd: 23))
    #expect(option("-object", in: arguments) == ["iommufd,id=iommufd0,fd=23"])
    let device = option("-device", in: arguments).first { $0.hasPrefix("vfio-pci,") }
    #expect(
      device
        == "vfio-pci,id=vgpu0,sysfsdev=/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001,"
        + "display=off,iommufd=iommufd0,fd=22")
    #expect(option("-display", in: arguments) == ["none"])
  }

  @Test func groupNeedsNoDescriptor() throws {
    let arguments = try configuration().arguments(.opensGroup)
    #expect(option("-object", in: arguments).isEmpty)
    #expect(!arguments.contains { $0.contains("fd=") })
  }

  @Test func onlyIntelsGuestsGetAnOpRegion() throws {
    let intel = try configuration("i915-GVTg_V5_4").arguments(.opensGroup)
    #expect(
      intel.contains { $0.hasPrefix("vfio-pci,") && $0.hasSuffix(",x-igd-opregion=on") })
    let other = try configuration().arguments(.opensGroup)
    #expect(!other.contains { $0.contains("opregion") })
  }

  @Test func intelsGuestsGetABootScreen() throws {
    let screen = "ramfb,id=\(GuestConfiguration.bootScreenID)"
    var intel = try configuration("i915-GVTg_V5_4")
    #expect(option("-device", in: intel.arguments(.opensGroup)).contains(screen))
    intel.hasBootScreen = false
    #expect(!option("-device", in: intel.arguments(.opensGroup)).contains(screen))
    var other = try configuration()
    #expect(!option("-device", in: other.arguments(.opensGroup)).contains(screen))
    other.hasBootScreen = true
    #expect(option("-device", in: other.arguments(.opensGroup)).contains(screen))
  }

  @Test func agentsPortLeadsToASocket() throws {
    var guest = GuestConfiguration(name: "guest")
    guest.agentSocket = "/run/a,b"
    func agent() -> [String] {
      guest.arguments(.opensGroup).filter { $0.contains("agent") || $0.contains("serial") }
    }
    #expect(agent() == [])
    guest.hasAgentPort = true
    #expect(
      agent() == [
        "virtio-serial-pci,id=ports", "socket,id=agent,path=/run/a,,b,server=on,wait=off",
        "virtserialport,bus=ports.0,chardev=agent,name=com.redhat.spice.0",
      ])
    let xml = try guest.domainXML(emulator: "/qemu")
    #expect(
      xml.contains(
        """
            <channel type='unix'>
              <target type='virtio' name='com.redhat.spice.0'/>
            </channel>

        """))
    // A manager that starts the guest chooses the socket.
    guest.agentSocket = nil
    #expect(agent() == [])
    #expect(try guest.domainXML(emulator: "/qemu") == xml)
    guest.hasAgentPort = false
    #expect(try !guest.domainXML(emulator: "/qemu").contains("<channel"))
  }

  @Test func displayShowsWhatQEMUDraws() throws {
    var guest = GuestConfiguration(name: "guest")
    func devices() -> [String] { option("-device", in: guest.arguments(.opensGroup)) }
    func display() -> [String] { option("-display", in: guest.arguments(.opensGroup)) }
    #expect(display() == ["none"] && !devices().contains { $0.hasPrefix("virtio-vga") })
    #expect(!guest.isShownByHost)
    guest.hasVirtioGPU = true
    #expect(devices().contains("virtio-vga,id=gpu0") && guest.isShownByHost)
    guest.display = .dbus(hasGL: false)
    #expect(display() == ["dbus,p2p=yes"] && devices().contains("virtio-vga,id=gpu0"))
    guest.display = .dbus(hasGL: true)
    #expect(display() == ["dbus,p2p=yes,gl=on"])
    #expect(devices().filter { $0.hasPrefix("virtio-vga") } == ["virtio-vga-gl,id=gpu0"])
    guest.renderNode = "/dev/dri/renderD129"
    #expect(display() == ["dbus,p2p=yes,gl=on,rendernode=/dev/dri/renderD129"])
    #expect(
      try guest.domainXML(emulator: "/qemu").contains(
        "<gl enable='yes' rendernode='/dev/dri/renderD129'/>"))
    guest.display = .dbus(hasGL: false)
    #expect(display() == ["dbus,p2p=yes"])
    guest.display = .dbus(hasGL: true)
    #expect(option("-vga", in: guest.arguments(.opensGroup)) == ["none"])
  }

  @Test func vGPUStaysWithoutADisplayOfItsOwn() throws {
    var guest = try configuration("i915-GVTg_V5_4")
    guest.display = .dbus(hasGL: false)
    let arguments = guest.arguments(.opensGroup)
    #expect(option("-display", in: arguments) == ["dbus,p2p=yes"])
    #expect(arguments.contains { $0.hasPrefix("vfio-pci,") && $0.contains(",display=off") })
    #expect(option("-device", in: arguments).contains("ramfb,id=ramfb0"))
    #expect(!arguments.contains { $0.hasPrefix("virtio-vga") })
  }

  @Test func tabletAndKeyboardAreWhatTheGuestHasDriversFor() throws {
    let virtio = ["virtio-tablet-pci", "virtio-keyboard-pci"]
    var guest = try configuration()
    var devices = option("-device", in: guest.arguments(.opensGroup))
    #expect(virtio.allSatisfy(devices.contains) && !devices.contains("usb-tablet"))
    guest.hasVirtio = false
    devices = option("-device", in: guest.arguments(.opensGroup))
    #expect(!virtio.contains(where: devices.contains) && devices.contains("usb-tablet"))
    guest.isWindows = true
    guest.hasVirtio = true
    devices = option("-device", in: guest.arguments(.opensGroup))
    #expect(!virtio.contains(where: devices.contains) && devices.contains("usb-tablet"))
  }

  @Test func accelerationAndProcessor() throws {
    var configuration = try configuration()
    func model() -> String {
      option("-cpu", in: configuration.arguments(.opensGroup)).joined(separator: " ")
    }
    #expect(model() == "host")
    configuration.hidesHypervisor = true
    #expect(model() == "host,kvm=off")
    configuration.isWindows = true
    #expect(model().hasPrefix("host,kvm=off,hv-relaxed=on,"))
    #expect(model().contains(",hv-vendor-id="))
    configuration.hidesHypervisor = false
    #expect(model().hasPrefix("host,hv-relaxed=on,"))
    #expect(!model().contains("hv-vendor-id"))
    // Hyper-V's interfaces are KVM's.
    configuration.hasKVM = false
    let arguments = configuration.arguments(.opensGroup)
    #expect(option("-accel", in: arguments) == ["tcg"])
    #expect(model() == "max")
    #expect(option("-rtc", in: arguments) == ["base=localtime,driftfix=slew"])
    configuration.hidesHypervisor = true
    #expect(model() == "max,tcg-cpuid=off")
  }

  @Test func firmwareIsFlash() throws {
    var configuration = try configuration()
    #expect(!configuration.arguments(.opensGroup).contains { $0.contains("pflash") })
    configuration.firmware = .uefi(
      code: DiskImage(path: "/c,ode", format: .raw),
      variables: DiskImage(path: "/vars", format: .qcow2))
    #expect(
      option("-drive", in: configuration.arguments(.opensGroup)) == [
        "if=pflash,unit=0,readonly=on," + json("raw", "/c,,ode"),
        "if=pflash,unit=1," + json("qcow2", "/vars", ",,\"backing\":null"),
      ])
  }

  @Test func secureBootTPMAndAgent() throws {
    var guest = GuestConfiguration(name: "guest")
    let none = guest.arguments(.opensGroup)
    for word in ["smm", "tpm", "cfi.pflash01", "virtserialport", "bootindex"] {
      #expect(!none.contains { $0.contains(word) }, "\(word)")
    }
    guest.firmware = .uefi(
      code: DiskImage(path: "/code", format: .raw), variables: DiskImage(path: "/v", format: .raw))
    guest.hasSecureBoot = true
    guest.tpm = EmulatedTPM(model: .tis, state: "/state", socket: "/run/a,b")
    guest.hasGuestAgent = true
    guest.guestAgentSocket = "/run/c,d"
    let arguments = guest.arguments(.opensGroup)
    #expect(option("-machine", in: arguments) == ["q35,smm=on"])
    #expect(
      option("-global", in: arguments) == [
        "ICH9-LPC.disable_s3=1", "driver=cfi.pflash01,property=secure,value=on",
      ])
    #expect(option("-tpmdev", in: arguments) == ["emulator,id=tpm0,chardev=tpmsocket"])
    #expect(
      option("-chardev", in: arguments) == [
        "socket,id=tpmsocket,path=/run/a,,b",
        "socket,id=guestagent,path=/run/c,,d,server=on,wait=off",
      ])
    let devices = option("-device", in: arguments)
    #expect(devices.contains("tpm-tis,tpmdev=tpm0"))
    #expect(
      devices.contains(
        "virtserialport,bus=ports.0,chardev=guestagent,name=org.qemu.guest_agent.0"))
    #expect(
      guest.tpm?.command() == [
        "swtpm", "socket", "--tpm2", "--tpmstate", "dir=/state,mode=0600", "--ctrl",
        "type=unixio,path=/run/a,b,mode=0600", "--terminate", "--daemon",
      ])
    // For a manager that makes the sockets itself.
    guest.tpm = EmulatedTPM(model: .crb)
    guest.guestAgentSocket = nil
    #expect(!guest.arguments(.opensGroup).contains { $0.contains("tpm") || $0.contains("agent") })
    #expect(guest.tpm?.command() == nil)
  }

  @Test func commasInFileNamesEndNothing() throws {
    var configuration = try configuration()
    configuration.disks = [
      DiskImage(path: "/a,b.img", format: .raw), DiskImage(path: "c.qcow2", format: .qcow2),
    ]
    configuration.qmpSockets = ["/run/a,b"]
    let arguments = configuration.arguments(.opensGroup)
    #expect(
      option("-drive", in: arguments) == [
        "if=none,id=disk0," + json("raw", "/a,,b.img"),
        "if=none,id=disk1," + json("qcow2", "c.qcow2", ",,\"backing\":null"),
      ])
    #expect(option("-qmp", in: arguments) == ["unix:/run/a,,b,server=on,wait=off"])
  }

  @Test(arguments: GuestConfiguration.Machine.allCases)
  func withoutVirtioDisksAreSATA(machine: GuestConfiguration.Machine) throws {
    var configuration = try configuration()
    configuration.machine = machine
    configuration.disks = [DiskImage(path: "w.img", format: .raw)]
    configuration.cdroms = ["w.iso", "drivers.iso"].map { DiskImage(path: $0, format: .raw) }
    let bus = machine == .pc ? "ahci" : "ide"
    let virtio = option("-device", in: configuration.arguments(.opensGroup))
    #expect(virtio.contains("virtio-blk-pci,drive=disk0,bootindex=1"))
    #expect(virtio.contains("virtio-net-pci,netdev=net0,romfile="))
    #expect(virtio.contains("ide-cd,drive=cd0,bus=\(bus).0,bootindex=2"))
    #expect(virtio.contains("ide-cd,drive=cd1,bus=\(bus).1,bootindex=3"))
    configuration.hasVirtio = false
    let devices = option("-device", in: configuration.arguments(.opensGroup))
    #expect(devices.contains("ide-hd,drive=disk0,bus=\(bus).0,bootindex=1"))
    #expect(devices.contains("ide-cd,drive=cd0,bus=\(bus).1,bootindex=2"))
    #expect(devices.contains("ide-cd,drive=cd1,bus=\(bus).2,bootindex=3"))
    #expect(devices.contains("e1000e,netdev=net0,romfile="))
    #expect(devices.contains("ahci,id=ahci") == (machine == .pc))
  }

  @Test func windowsHasNoVirtioByItself() throws {
    let vGPU = try #require(try configuration().vGPU)
    #expect(GuestConfiguration(vGPU: vGPU).hasVirtio)
    #expect(!GuestConfiguration(vGPU: vGPU, isWindows: true).hasVirtio)
  }

  @Test func programIsAskedNotGuessed() throws {
    let program = try QEMUProgram.probe()
    #expect(program.version.contains("QEMU emulator version"))
    #expect(program.takesDescriptors == !program.version.contains("version 7.2"))
    #expect(program.hasDBusDisplay && program.virtioGPUs.contains(.plain))
    #expect(throws: QEMUError.notInstalled("/no/such")) { try QEMUProgram.probe("/no/such") }
    // Something that is no QEMU.
    #expect(throws: QEMUError.self) { try QEMUProgram.probe("/bin/true") }
  }

  /// The rig's QEMU as its package leaves it: it looks for its modules among the system's, which
  /// belong to another version.
  @Test func modulesThatCannotBeLoadedAreNoAbilities() throws {
    let folder = try #require(TestMachine.rigPart("qemu"), "Rig/prepare qemu")
    let newer = try QEMUProgram.probe("\(folder)/usr/bin/qemu-system-x86_64")
    #expect(newer.hasDBusDisplay && newer.virtioGPUs.contains(.plain))
    let bare = try QEMUProgram.probe("\(folder)/usr/program/qemu-system-x86_64")
    #expect(bare.takesDescriptors && !bare.hasDBusDisplay && bare.virtioGPUs.isEmpty)
  }
}
