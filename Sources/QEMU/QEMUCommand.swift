// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// How QEMU comes by the vGPU.
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
    // Windows takes its time from Hyper-V's interfaces, and would waste it reading the HPET.
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
      + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }).joined(separator: ":")
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
