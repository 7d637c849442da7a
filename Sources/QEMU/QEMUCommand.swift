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
  /// It gets no display: the vGPU's pictures are taken from the kernel.
  public func arguments(_ handover: DeviceHandover) -> [String] {
    var arguments: [String] = []
    func add(_ words: String...) { arguments += words }
    add("-name", "vgpu-\(vGPU.uuid)")
    add("-machine", machineOption)
    add("-accel", hasKVM ? "kvm" : "tcg")
    add("-cpu", cpuModel)
    add("-smp", "\(cpus)", "-m", "\(memory)M")
    add("-nodefaults", "-vga", "none", "-display", "none")
    // A vGPU does not come back from suspend to RAM.
    add("-global", machine == .q35 ? "ICH9-LPC.disable_s3=1" : "PIIX4_PM.disable_s3=1")
    if isWindows { add("-rtc", "base=localtime,driftfix=slew") }
    if case .uefi(let code, let variables) = firmware {
      add("-drive", "if=pflash,unit=0,readonly=on,\(Self.fileOption(code))")
      add("-drive", "if=pflash,unit=1,\(Self.fileOption(variables))")
    }
    for socket in qmpSockets { add("-qmp", "unix:\(Self.escaped(socket)),server=on,wait=off") }
    add("-device", "qemu-xhci")
    // A tablet: the pointer is where the host's is, without grabbing it. Virtio's has more buttons,
    // and its keyboard more keys; each takes over when the guest's driver starts it, until when the
    // mainboard's own are there.
    if hasVirtio, !isWindows {
      add("-device", "virtio-tablet-pci", "-device", "virtio-keyboard-pci")
    } else {
      add("-device", "usb-tablet")
    }
    // Without a boot ROM, which comes in a package of its own: guests boot from their disks.
    let network = hasVirtio ? "virtio-net-pci" : "e1000e"
    add("-netdev", "user,id=net0", "-device", "\(network),netdev=net0,romfile=")
    add(contentsOf: storage)
    if case .descriptors(_, let iommufd) = handover {
      add("-object", "iommufd,id=iommufd0,fd=\(iommufd)")
    }
    add("-device", deviceOption(handover))
    if hasBootScreen { add("-device", "ramfb,id=\(Self.bootScreenID)") }
    return arguments + extra

    func add(contentsOf words: [String]) { arguments += words }
  }

  private var machineOption: String {
    // Windows takes its time from Hyper-V's interfaces, and would waste it reading the HPET.
    machine.rawValue + (isWindows ? ",hpet=off" : "")
  }

  private var cpuModel: String {
    // Hyper-V's interfaces are KVM's: with emulation QEMU ignores them, or refuses to start.
    guard hasKVM else { return hidesHypervisor ? "max,tcg-cpuid=off" : "max" }
    var model = ["host"]
    if hidesHypervisor { model.append("kvm=off") }
    if isWindows {
      model += Self.enlightenments
      // Where KVM is hidden, the name that Hyper-V's interfaces give is what drivers look at.
      if hidesHypervisor { model.append("hv-vendor-id=vgpuhost") }
    }
    return model.joined(separator: ",")
  }

  /// Hyper-V's interfaces that QEMU recommends for Windows, less those that ask for a special
  /// processor (hv-evmcs, hv-avic) or are for debugging.
  private static let enlightenments = [
    "hv-relaxed=on", "hv-vapic=on", "hv-spinlocks=0x1fff", "hv-vpindex=on", "hv-runtime=on",
    "hv-time=on", "hv-synic=on", "hv-stimer=on", "hv-stimer-direct=on", "hv-reset=on",
    "hv-frequencies=on", "hv-reenlightenment=on", "hv-tlbflush=on", "hv-ipi=on",
  ]

  private var storage: [String] {
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
        "-drive", "if=none,id=cd0,media=cdrom,readonly=on,format=raw,file=\(Self.escaped(cdrom))",
        "-device", "ide-cd,drive=cd0,bus=\(bus).\(port)",
      ]
    }
    return arguments
  }

  private func deviceOption(_ handover: DeviceHandover) -> String {
    // Named even beside a descriptor: QEMU takes an mdev for a physical device without it.
    var option = "vfio-pci,id=vgpu0,sysfsdev=/sys/bus/mdev/devices/\(vGPU.uuid),display=off"
    if case .descriptors(let device, _) = handover { option += ",iommufd=iommufd0,fd=\(device)" }
    // Intel's drivers look for the OpRegion, without which some show nothing.
    if vGPU.isGVTg { option += ",x-igd-opregion=on" }
    return option
  }

  private static func fileOption(_ image: DiskImage) -> String {
    "format=\(image.format.rawValue),file=\(escaped(image.path))"
  }

  /// A comma ends an option's value in QEMU unless it is doubled.
  static func escaped(_ path: String) -> String {
    path.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
  }
}
