// SPDX-License-Identifier: Apache-2.0

import HostDevices

extension GuestConfiguration {
  /// The options for disks and CDs.
  var storageOptions: [String] {
    var arguments: [String] = []
    // The older mainboard has no SATA, so SATA drives need a controller.
    let needsController = machine == .pc && (!hasVirtio && !disks.isEmpty || !cdroms.isEmpty)
    if needsController { arguments += ["-device", "ahci,id=ahci"] }
    let bus = needsController ? "ahci" : "ide"
    var port = 0
    for (index, disk) in disks.enumerated() {
      arguments += ["-drive", "if=none,id=disk\(index),\(Self.fileOption(disk))"]
      if hasVirtio {
        arguments += ["-device", "virtio-blk-pci,drive=disk\(index)\(bootOption(index))"]
      } else {
        arguments += [
          "-device", "ide-hd,drive=disk\(index),bus=\(bus).\(port)\(bootOption(index))",
        ]
        port += 1
      }
    }
    for (index, cdrom) in cdroms.enumerated() {
      arguments += [
        "-drive", "if=none,id=cd\(index),media=cdrom,readonly=on,\(Self.fileOption(cdrom))",
        "-device",
        "ide-cd,drive=cd\(index),bus=\(bus).\(port)\(bootOption(disks.count + index))",
      ]
      port += 1
    }
    return arguments
  }

  /// The place in the boot order of the drive with this number: the disks come first, because an
  /// empty disk hands on to the CDs, and an installed system starts after the installer. QEMU gets
  /// no order without a CD.
  func bootIndex(_ number: Int) -> Int? { cdroms.isEmpty ? nil : number + 1 }

  private func bootOption(_ number: Int) -> String {
    bootIndex(number).map { ",bootindex=\($0)" } ?? ""
  }

  /// The options for SCSI devices, on a virtio controller, or on an LSI controller, because Windows
  /// has a driver for that.
  var scsiOptions: [String] {
    guard !scsiDevices.isEmpty else { return [] }
    var arguments = [
      "-device", hasVirtio ? "virtio-scsi-pci,id=scsi0" : "mptsas1068,id=scsi0",
    ]
    for (index, device) in scsiDevices.enumerated() {
      arguments += [
        "-drive", "if=none,id=scsi0.\(index),format=raw,file=\(Self.escaped(device.genericNode))",
        "-device",
        "scsi-generic,bus=scsi0.0,scsi-id=\(index),drive=scsi0.\(index)"
          + bootOption(disks.count + cdroms.count + index),
      ]
    }
    return arguments
  }
}
