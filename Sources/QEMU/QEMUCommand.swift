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
    add("-machine", machine.rawValue)
    add("-accel", hasKVM ? "kvm" : "tcg")
    add("-cpu", cpuModel)
    add("-smp", "\(cpus)", "-m", "\(memory)M")
    add("-nodefaults", "-vga", "none", "-display", "none")
    if isWindows { add("-rtc", "base=localtime") }
    if let qmpSocket { add("-qmp", "unix:\(Self.escaped(qmpSocket)),server=on,wait=off") }
    // A tablet: the pointer is where the host's is, without grabbing it.
    add("-device", "qemu-xhci", "-device", "usb-tablet", "-device", "usb-kbd")
    // Without a boot ROM, which comes in a package of its own: guests boot from their disks.
    let network = isWindows ? "e1000e" : "virtio-net-pci"
    add("-netdev", "user,id=net0", "-device", "\(network),netdev=net0,romfile=")
    add(contentsOf: storage)
    if case .descriptors(_, let iommufd) = handover {
      add("-object", "iommufd,id=iommufd0,fd=\(iommufd)")
    }
    add("-device", deviceOption(handover))
    return arguments + extra

    func add(contentsOf words: [String]) { arguments += words }
  }

  private var cpuModel: String {
    let model = hasKVM ? "host" : "max"
    guard isWindows else { return model }
    return model
      + ",hv-relaxed=on,hv-vapic=on,hv-spinlocks=0x1fff,hv-vpindex=on,hv-runtime=on,hv-time=on,hv-synic=on,hv-stimer=on"
  }

  private var storage: [String] {
    var arguments: [String] = []
    // Windows has a driver for SATA; with the older mainboard that takes a controller.
    let needsController = machine == .pc && (isWindows || cdrom != nil)
    if needsController { arguments += ["-device", "ahci,id=ahci"] }
    let bus = needsController ? "ahci" : "ide"
    var port = 0
    for (index, disk) in disks.enumerated() {
      let file = Self.escaped(disk.path)
      arguments += [
        "-drive", "if=none,id=disk\(index),format=\(disk.format.rawValue),file=\(file)",
      ]
      if isWindows {
        arguments += ["-device", "ide-hd,drive=disk\(index),bus=\(bus).\(port)"]
        port += 1
      } else {
        arguments += ["-device", "virtio-blk-pci,drive=disk\(index)"]
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
    if vGPU.type.hasPrefix("i915-GVTg") { option += ",x-igd-opregion=on" }
    return option
  }

  /// A comma ends an option's value in QEMU unless it is doubled.
  static func escaped(_ path: String) -> String {
    path.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
  }
}
