// SPDX-License-Identifier: Apache-2.0

import HostDevices
import SafeText

/// How QEMU gets the vGPU.
@nonexhaustive
public enum DeviceHandover: Hashable, Sendable {
  /// QEMU opens the device's group itself.
  case opensGroup
  /// QEMU gets an open device and an open iommufd, under these descriptor numbers.
  case descriptors(device: Int32, iommufd: Int32)
}

extension GuestConfiguration {
  /// QEMU's arguments for this guest, none of them deprecated in QEMU 7.2 to 10.0.
  ///
  /// QEMU gets no display for a vGPU, because the host takes the vGPU's pictures from the kernel,
  /// and none for a whole GPU, because that has a monitor. QEMU's display shows only what QEMU
  /// itself draws: a virtio GPU's screen and the boot screen.
  public func arguments(_ handover: DeviceHandover) -> [String] {
    var arguments: [String] = []
    func add(_ words: String...) { arguments += words }
    add("-name", Self.escaped(name))
    add("-machine", machineOption)
    add("-accel", hasKVM ? "kvm" : "tcg")
    add("-cpu", processorOption)
    add("-smp", processorCount, "-m", "\(memory)M")
    add(contentsOf: memoryOptions)
    // Before the display, which names it.
    if hasSound { add("-audiodev", "dbus,id=\(Self.soundID),timer-period=\(Self.soundPeriod)") }
    add("-nodefaults", "-vga", "none", "-display", displayOption)
    // Neither a vGPU nor a virtio GPU comes back from suspend to RAM.
    add("-global", machine == .q35 ? "ICH9-LPC.disable_s3=1" : "PIIX4_PM.disable_s3=1")
    if isWindows { add("-rtc", "base=localtime,driftfix=slew") }
    add(contentsOf: firmwareOptions + tpmOptions)
    for socket in qmpSockets { add("-qmp", "unix:\(Self.escaped(socket)),server=on,wait=off") }
    // Before the devices that QEMU places by itself, because these would take the addresses.
    add(contentsOf: passedSlotOptions)
    add("-device", "qemu-xhci")
    // A tablet, so that the guest's pointer follows the host's without a grab. The virtio tablet
    // has more buttons, and the virtio keyboard more keys. They take over when the guest's drivers
    // start them; until then the guest uses the mainboard's mouse and keyboard.
    if hasVirtioInput {
      add("-device", "virtio-tablet-pci", "-device", "virtio-keyboard-pci")
    } else {
      add("-device", "usb-tablet")
    }
    add(contentsOf: usbOptions + portOptions + shareOptions)
    // Every system has a driver for it.
    if hasSound {
      add("-device", "ich9-intel-hda", "-device", "hda-duplex,audiodev=\(Self.soundID)")
    }
    add(contentsOf: networkOptions)
    add(contentsOf: storageOptions)
    add(contentsOf: scsiOptions)
    if let vGPU {
      if case .descriptors(_, let iommufd) = handover {
        add("-object", "iommufd,id=iommufd0,fd=\(iommufd)")
      }
      add("-device", vGPUOption(vGPU, handover))
    }
    if hasVirtioGPU { add("-device", "\(virtioGPU.rawValue),id=gpu0") }
    if hasBootScreen { add("-device", "ramfb,id=\(Self.bootScreenID)") }
    return arguments + extra

    func add(contentsOf words: [String]) { arguments += words }
  }

  private var machineOption: String {
    var option = machine.rawValue
    // Windows reads the time from Hyper-V's interfaces, so the HPET would only cost time.
    if isWindows { option += ",hpet=off" }
    // Xen's switch for legacy mode. With KVM the device's address chooses the mode, but every QEMU
    // accepts the switch.
    if hasLegacyGraphics { option += ",igd-passthru=on" }
    if !memoryOptions.isEmpty { option += ",memory-backend=mem0" }
    if hasSecureBoot { option += ",smm=on" }
    return option
  }

  /// The value of `-display`. The client attaches over QMP (p2p): without that QEMU looks for a
  /// message bus.
  private var displayOption: String {
    switch display {
    case .none: "none"
    case .dbus(let hasGL):
      "dbus,p2p=yes" + (hasGL ? ",gl=on" : "")
        + (hasGL ? renderNode.map { ",rendernode=\(Self.escaped($0))" } ?? "" : "")
        + (hasSound ? ",audiodev=\(Self.soundID)" : "")
    }
  }

  /// The virtio GPU that goes with the display: QEMU starts one with OpenGL only when the display
  /// has OpenGL too.
  var virtioGPU: QEMUProgram.VirtioGPU { display == .dbus(hasGL: true) ? .gl : .plain }

  /// Whether the guest gets virtio tablet and keyboard. Windows has no drivers for them.
  var hasVirtioInput: Bool { hasVirtio && !isWindows }

  private var networkOptions: [String] {
    let model = hasVirtio ? "virtio-net-pci" : "e1000e"
    // No boot ROM: it comes in a separate package, and guests boot from their disks.
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

  /// The guest's MAC address: one in QEMU's range, the same at every start. Guests do not get
  /// QEMU's default address, because two guests on a real network must not share it.
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
    // The path is given even with a descriptor, because without it QEMU takes an mdev for a
    // physical device.
    var option = "vfio-pci,id=vgpu0,sysfsdev=/sys/bus/mdev/devices/\(vGPU.uuid),display=off"
    if case .descriptors(let device, _) = handover { option += ",iommufd=iommufd0,fd=\(device)" }
    // Intel's drivers look for the OpRegion. Without it some show nothing.
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
  /// The value of `-cpu`.
  var processorOption: String {
    // Hyper-V's interfaces need KVM: with emulation QEMU ignores them or refuses to start.
    guard hasKVM else { return hidesHypervisor ? "max,tcg-cpuid=off" : "max" }
    var model = ["host"]
    if threads > 1, pinning?.isAMD == true { model.append("topoext=on") }
    if hidesHypervisor { model.append("kvm=off") }
    if isWindows {
      model += Self.enlightenments
      // When KVM is hidden, drivers look at the vendor name of Hyper-V's interfaces.
      if hidesHypervisor { model.append("hv-vendor-id=\(Self.hyperVVendor)") }
    }
    return model.joined(separator: ",")
  }

  /// The value of `-smp`.
  var processorCount: String {
    pinning == nil ? "\(cpus)" : "\(cpus),sockets=1,cores=\(cpus / threads),threads=\(threads)"
  }

  /// The number of the guest's processors that share a core. The emulated processor has no threads.
  var threads: Int { hasKVM ? pinning?.threads ?? 1 : 1 }

  /// The vendor name for Hyper-V's interfaces, twelve characters at most.
  static let hyperVVendor = "vgpuhost"

  /// The Hyper-V interfaces that QEMU recommends for Windows, without those that need a special
  /// processor (hv-evmcs, hv-avic) or are for debugging.
  private static let enlightenments = [
    "hv-relaxed=on", "hv-vapic=on", "hv-spinlocks=0x1fff", "hv-vpindex=on", "hv-runtime=on",
    "hv-time=on", "hv-synic=on", "hv-stimer=on", "hv-stimer-direct=on", "hv-reset=on",
    "hv-frequencies=on", "hv-reenlightenment=on", "hv-tlbflush=on", "hv-ipi=on",
  ]
}

extension GuestConfiguration {
  /// Whether the guest has Intel's graphics in QEMU's legacy mode, as its first screen.
  var hasLegacyGraphics: Bool {
    machine == .pc && passedSlots.contains { $0.role == .integratedGraphics }
  }

  /// The options for the host's PCI devices.
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
    // Drivers look for the OpRegion, because it describes the outputs.
    case .integratedGraphics: ["x-igd-opregion=on"]
    case .graphicsCard(hasVGA: true): ["x-vga=on"]
    case .graphicsCard(hasVGA: false), .device: []
    }
  }

  /// The options for the host's USB devices, on the controller that every guest has.
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
}
