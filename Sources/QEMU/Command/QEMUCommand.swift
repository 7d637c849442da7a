// SPDX-License-Identifier: Apache-2.0

import HostDevices
import SafeText

/// How QEMU comes by the vGPU.
@nonexhaustive
public enum DeviceHandover: Hashable, Sendable {
  /// It opens the device's group itself.
  case opensGroup
  /// It is handed an open device and an open iommufd as these descriptors.
  case descriptors(device: Int32, iommufd: Int32)
}

extension GuestConfiguration {
  /// QEMU's arguments for this guest, none of them deprecated in QEMU 7.2 to 10.0.
  ///
  /// It gets no display: the vGPU's pictures are taken from the kernel, and a whole GPU has a
  /// monitor.
  public func arguments(_ handover: DeviceHandover) -> [String] {
    var arguments: [String] = []
    func add(_ words: String...) { arguments += words }
    add("-name", Self.escaped(name))
    add("-machine", machineOption)
    add("-accel", hasKVM ? "kvm" : "tcg")
    add("-cpu", processorOption)
    add("-smp", processorCount, "-m", "\(memory)M")
    if let hugePages {
      // Taken as it starts: a guest that finds none left later is killed.
      add(
        "-object",
        "memory-backend-file,id=mem0,size=\(memory)M,prealloc=on,share=off,"
          + "mem-path=\(Self.escaped(hugePages.folder))")
    }
    add("-nodefaults", "-vga", "none", "-display", "none")
    // A vGPU does not come back from suspend to RAM.
    add("-global", machine == .q35 ? "ICH9-LPC.disable_s3=1" : "PIIX4_PM.disable_s3=1")
    if isWindows { add("-rtc", "base=localtime,driftfix=slew") }
    if case .uefi(let code, let variables) = firmware {
      add("-drive", "if=pflash,unit=0,readonly=on,\(Self.fileOption(code))")
      add("-drive", "if=pflash,unit=1,\(Self.fileOption(variables))")
    }
    for socket in qmpSockets { add("-qmp", "unix:\(Self.escaped(socket)),server=on,wait=off") }
    // Before anything that QEMU places by itself, which would take their addresses.
    add(contentsOf: passedSlotOptions)
    add("-device", "qemu-xhci")
    // A tablet: the pointer is where the host's is, without grabbing it. Virtio's has more buttons,
    // and its keyboard more keys; each takes over when the guest's driver starts it, until when the
    // mainboard's own are there.
    if hasVirtioInput {
      add("-device", "virtio-tablet-pci", "-device", "virtio-keyboard-pci")
    } else {
      add("-device", "usb-tablet")
    }
    add(contentsOf: usbOptions)
    add(contentsOf: networkOptions)
    add(contentsOf: storageOptions)
    add(contentsOf: scsiOptions)
    if let vGPU {
      if case .descriptors(_, let iommufd) = handover {
        add("-object", "iommufd,id=iommufd0,fd=\(iommufd)")
      }
      add("-device", vGPUOption(vGPU, handover))
    }
    if hasBootScreen { add("-device", "ramfb,id=\(Self.bootScreenID)") }
    return arguments + extra

    func add(contentsOf words: [String]) { arguments += words }
  }

  private var machineOption: String {
    var option = machine.rawValue
    // Windows reads the time from Hyper-V's interfaces; the HPET would only cost time.
    if isWindows { option += ",hpet=off" }
    // Xen's switch for what KVM does by the device's address; every QEMU takes it.
    if hasLegacyGraphics { option += ",igd-passthru=on" }
    if hugePages != nil { option += ",memory-backend=mem0" }
    return option
  }

  /// Windows has no driver for them by itself.
  var hasVirtioInput: Bool { hasVirtio && !isWindows }

  private var networkOptions: [String] {
    let model = hasVirtio ? "virtio-net-pci" : "e1000e"
    // Without a boot ROM, which comes in a package of its own: guests boot from their disks.
    let card = "\(model),netdev=net0,romfile="
    return switch network {
    case .none: []
    case .user: ["-netdev", "user,id=net0", "-device", card]
    case .tap(nil): ["-netdev", "tap,id=net0", "-device", "\(card),mac=\(networkAddress)"]
    case .tap(let name?):
      [
        "-netdev", "tap,id=net0,ifname=\(Self.escaped(name)),script=no,downscript=no",
        "-device", "\(card),mac=\(networkAddress)",
      ]
    }
  }

  /// On a real network no two guests may have QEMU's own address: one in QEMU's range that is the
  /// same at every start.
  var networkAddress: String {
    // FNV-1a.
    var hash: UInt32 = 0x811C_9DC5
    for byte in name.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    let bytes = [16, 8, 0].map { UInt8(truncatingIfNeeded: hash >> UInt32($0)) }
    return
      (["52", "54", "00"]
      + bytes.map { hexadecimal($0, digits: 2) }).joined(separator: ":")
  }

  private func vGPUOption(_ vGPU: MdevDevice, _ handover: DeviceHandover) -> String {
    // Named even beside a descriptor: QEMU takes an mdev for a physical device without it.
    var option = "vfio-pci,id=vgpu0,sysfsdev=/sys/bus/mdev/devices/\(vGPU.uuid),display=off"
    if case .descriptors(let device, _) = handover { option += ",iommufd=iommufd0,fd=\(device)" }
    // Intel's drivers look for the OpRegion, without which some show nothing.
    if vGPU.isGVTg { option += ",x-igd-opregion=on" }
    return option
  }

  static func fileOption(_ image: DiskImage) -> String {
    "file=\(escaped(image.blockName))"
  }

  /// A comma ends an option's value in QEMU unless it is doubled.
  static func escaped(_ path: String) -> String {
    path.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
  }
}

extension GuestConfiguration {
  /// What `-cpu` gets.
  var processorOption: String {
    // Hyper-V's interfaces are KVM's: with emulation QEMU ignores them, or refuses to start.
    guard hasKVM else { return hidesHypervisor ? "max,tcg-cpuid=off" : "max" }
    var model = ["host"]
    if threads > 1, pinning?.isAMD == true { model.append("topoext=on") }
    if hidesHypervisor { model.append("kvm=off") }
    if isWindows {
      model += Self.enlightenments
      // Where KVM is hidden, the name that Hyper-V's interfaces give is what drivers look at.
      if hidesHypervisor { model.append("hv-vendor-id=\(Self.hyperVVendor)") }
    }
    return model.joined(separator: ",")
  }

  /// What `-smp` gets.
  var processorCount: String {
    pinning == nil ? "\(cpus)" : "\(cpus),sockets=1,cores=\(cpus / threads),threads=\(threads)"
  }

  /// How many of the guest's processors share a core. The emulated processor knows no threads.
  var threads: Int { hasKVM ? pinning?.threads ?? 1 : 1 }

  /// Twelve characters at most.
  static let hyperVVendor = "vgpuhost"

  /// Hyper-V's interfaces that QEMU recommends for Windows, less those that ask for a special
  /// processor (hv-evmcs, hv-avic) or are for debugging.
  private static let enlightenments = [
    "hv-relaxed=on", "hv-vapic=on", "hv-spinlocks=0x1fff", "hv-vpindex=on", "hv-runtime=on",
    "hv-time=on", "hv-synic=on", "hv-stimer=on", "hv-stimer-direct=on", "hv-reset=on",
    "hv-frequencies=on", "hv-reenlightenment=on", "hv-tlbflush=on", "hv-ipi=on",
  ]
}

extension GuestConfiguration {
  /// Disks and the CD.
  var storageOptions: [String] {
    var arguments: [String] = []
    // With the older mainboard SATA takes a controller.
    let needsController = machine == .pc && (!hasVirtio && !disks.isEmpty || cdrom != nil)
    if needsController { arguments += ["-device", "ahci,id=ahci"] }
    let bus = needsController ? "ahci" : "ide"
    var port = 0
    for (index, disk) in disks.enumerated() {
      arguments += ["-drive", "if=none,id=disk\(index),\(Self.fileOption(disk))"]
      if hasVirtio {
        arguments += ["-device", "virtio-blk-pci,drive=disk\(index)"]
      } else {
        arguments += ["-device", "ide-hd,drive=disk\(index),bus=\(bus).\(port)"]
        port += 1
      }
    }
    if let cdrom {
      arguments += [
        "-drive", "if=none,id=cd0,media=cdrom,readonly=on,\(Self.fileOption(cdrom))",
        "-device", "ide-cd,drive=cd0,bus=\(bus).\(port)",
      ]
    }
    return arguments
  }
}

extension GuestConfiguration {
  /// Intel's graphics in QEMU's legacy mode, as the guest's first screen.
  var hasLegacyGraphics: Bool {
    machine == .pc && passedSlots.contains { $0.role == .integratedGraphics }
  }

  /// The host's PCI devices.
  var passedSlotOptions: [String] {
    placedSlots.enumerated().flatMap { index, placed in
      let (slot, place) = placed
      var arguments: [String] = []
      let location: (bus: String, device: Int)
      switch place {
      case .firstBus(let device): location = (machine == .q35 ? "pcie.0" : "pci.0", device)
      case .port(let number):
        arguments += ["-device", "pcie-root-port,id=port\(number),chassis=\(number)"]
        location = ("port\(number)", 0)
      }
      for (number, address) in slot.guestFunctions {
        let isFirst = number == 0
        var option = ["vfio-pci", "id=pci\(index).\(number)", "host=\(address)"]
        option.append("bus=\(location.bus)")
        option.append("addr=\(hexadecimal(UInt8(location.device), digits: 2)).\(number)")
        if isFirst, slot.functions.count > 1 { option.append("multifunction=on") }
        if isFirst { option += Self.properties(of: slot.role) }
        if isFirst, let rom = slot.rom { option.append("romfile=\(Self.escaped(rom))") }
        arguments += ["-device", option.joined(separator: ",")]
      }
      return arguments
    }
  }

  private static func properties(of role: PassedSlot.Role) -> [String] {
    switch role {
    // Drivers look for the OpRegion, which tells of the outputs.
    case .integratedGraphics: ["x-igd-opregion=on"]
    case .graphicsCard(hasVGA: true): ["x-vga=on"]
    case .graphicsCard(hasVGA: false), .device: []
    }
  }

  /// Single USB devices, on the controller that every guest has.
  var usbOptions: [String] {
    usbDevices.flatMap { device in
      switch device {
      case .id(let vendor, let product):
        [
          "-device",
          "usb-host,vendorid=0x\(hexadecimal(vendor, digits: 4)),"
            + "productid=0x\(hexadecimal(product, digits: 4))",
        ]
      case .address(let bus, let address):
        ["-device", "usb-host,hostbus=\(bus),hostaddr=\(address)"]
      }
    }
  }

  /// SCSI devices, on virtio's controller, or on one of LSI's for which Windows has a driver.
  var scsiOptions: [String] {
    guard !scsiDevices.isEmpty else { return [] }
    var arguments = [
      "-device", hasVirtio ? "virtio-scsi-pci,id=scsi0" : "mptsas1068,id=scsi0",
    ]
    for (index, device) in scsiDevices.enumerated() {
      arguments += [
        "-drive", "if=none,id=scsi0.\(index),format=raw,file=\(Self.escaped(device.genericNode))",
        "-device", "scsi-generic,bus=scsi0.0,scsi-id=\(index),drive=scsi0.\(index)",
      ]
    }
    return arguments
  }
}
