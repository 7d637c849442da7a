// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import QEMU
import Testing

@Suite struct QEMUCommandTests {
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
    configuration.cdrom = DiskImage(path: "w.iso", format: .raw)
    let bus = machine == .pc ? "ahci" : "ide"
    let virtio = option("-device", in: configuration.arguments(.opensGroup))
    #expect(virtio.contains("virtio-blk-pci,drive=disk0"))
    #expect(virtio.contains("virtio-net-pci,netdev=net0,romfile="))
    #expect(virtio.contains("ide-cd,drive=cd0,bus=\(bus).0"))
    configuration.hasVirtio = false
    let devices = option("-device", in: configuration.arguments(.opensGroup))
    #expect(devices.contains("ide-hd,drive=disk0,bus=\(bus).0"))
    #expect(devices.contains("ide-cd,drive=cd0,bus=\(bus).1"))
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
    #expect(throws: QEMUError.notInstalled("/no/such")) { try QEMUProgram.probe("/no/such") }
    // Something that is no QEMU.
    #expect(throws: QEMUError.self) { try QEMUProgram.probe("/bin/true") }
  }
}
