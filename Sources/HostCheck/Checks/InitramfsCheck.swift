// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// A GPU's driver in the initramfs starts before what the file system says of it.
struct InitramfsCheck: Check {
  let id = "initramfs"
  let title = "GPU driver in the initramfs"
  let area = CheckArea.kernel
  let why = "A driver that starts there misses later options, and takes a GPU before vfio-pci."
  let documentation = "docs/host.md#initramfs"

  private static let drivers: Set<Substring> = [
    "i915", "xe", "nouveau", "nvidia", "nvidia_drm", "amdgpu", "radeon",
  ]

  func examine(_ machine: Machine) -> Verdict {
    let early = Self.places.compactMap { place -> String? in
      let names = names(in: place, machine)
      return names.isEmpty ? nil : "\(names.sorted().joined(separator: ", ")) in \(place)"
    }
    guard !early.isEmpty else {
      return .ok("none is named in its configuration")
    }
    let found = early.list()
    if machine.purpose == .gvtG {
      if case .actual(let value) = machine.parameters.value("enable_gvt", of: "i915"),
        value == "Y" || value == "1"
      {
        return .ok("\(found), with enable_gvt in force")
      }
    } else if machine.target?.driver?.hasPrefix("vfio") == true {
      return .ok("\(found), but the device has vfio-pci")
    }
    return .warn(
      found,
      remedy: "take it out and build the initramfs anew (update-initramfs -u, mkinitcpio -P, "
        + "dracut -f), or give its options on the kernel's command line")
  }

  private static let places = [
    "/etc/initramfs-tools/modules", "/etc/mkinitcpio.conf", "/etc/mkinitcpio.conf.d",
    "/etc/dracut.conf", "/etc/dracut.conf.d",
  ]

  private func names(in place: String, _ machine: Machine) -> Set<Substring> {
    let files = machine.files.readableNames(in: place).map { "\(place)/\($0)" } + [place]
    let lines = files.flatMap { machine.files.lines($0) }.filter { line in
      let text = line.drop { $0 == " " || $0 == "\t" }
      return place.hasPrefix("/etc/initramfs-tools")
        ? !text.hasPrefix("#")
        : ["MODULES", "add_drivers", "force_drivers"].contains { text.hasPrefix($0) }
    }
    return Set(lines.flatMap { $0.split { " \t\"'()=+#".contains($0) } })
      .intersection(Self.drivers)
  }
}
