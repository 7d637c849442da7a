// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that the device has a reset, which brings it back to its first state.
struct ResetCheck: Check {
  let id = "reset"
  let title = "Reset"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "Without a reset a second guest finds the device as the first one left it."
  let documentation = "https://docs.kernel.org/PCI/sysfs-pci.html"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such device") }
    let path = machine.path(target)
    if let methods = machine.files.text("\(path)/reset_method") { return .ok(methods) }
    if machine.files.exists("\(path)/reset") {
      return .ok("by a method that the kernel does not name")
    }
    // The kernel resets the device's bus instead, if the device is alone on it.
    return .warn(
      "\(target.address) has no method of its own",
      remedy: "restart the host if the device fails at the guest's next start")
  }
}
