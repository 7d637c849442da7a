// SPDX-License-Identifier: Apache-2.0

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
