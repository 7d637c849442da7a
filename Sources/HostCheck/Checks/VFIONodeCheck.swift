// SPDX-License-Identifier: Apache-2.0

import HostDevices
import SafeText

/// Checks the right to use VFIO.
struct VFIONodeCheck: Check {
  let id = "dev-vfio"
  let title = "/dev/vfio"
  let area = CheckArea.rights
  let why = "QEMU opens the container there, and the node of the guest's group."
  let documentation = "docs/host.md#rights"

  func examine(_ machine: Machine) -> Verdict {
    let container = NodeVerdict.of(
      "/dev/vfio/vfio", machine, missing: "modprobe vfio",
      forbidden: "the node's mode should be 0666; look for a udev rule that changes it")
    guard container.result == .ok, let live = machine.live else { return container }
    let groups = machine.files.readableNames(in: "/dev/vfio")
      .filter { decimalNumber($0) != nil }.map { "/dev/vfio/\($0)" }
    let devices = machine.files.readableNames(in: "/dev/vfio/devices")
      .map { "/dev/vfio/devices/\($0)" }
    let nodes = groups + devices
    let forbidden = nodes.filter { !live.mayUse($0) }
    guard forbidden.isEmpty else {
      return .fail(
        "you may not open \(forbidden.list())",
        remedy: "run QEMU as root or by libvirt, or see the udev rule")
    }
    return .ok(nodes.isEmpty ? "you may use it; no device has a node yet" : "you may use it")
  }
}
