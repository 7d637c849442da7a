// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks which virtual functions there are, and whether one is left for another guest.
struct VirtualFunctionsCheck: Check {
  let id = "virtual-functions"
  let title = "Virtual functions"
  let area = CheckArea.vGPUs
  let purposes: Set<Purpose> = [.sriov]
  let why = "Each guest gets one; the kernel makes all of them at once, and removes all at once."
  let documentation = "docs/host.md#sr-iov"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such GPU") }
    let made = machine.virtualFunctions
    guard !made.isEmpty else {
      guard let most = VirtualFunctions(host: machine.host).most(of: target.address) else {
        return .notApplicable("\(target.address) can have none")
      }
      return .ok("none made yet; vgpu create sriov --count N makes up to \(most)")
    }
    let forGuests = made.filter(\.isForGuests)
    let driven = made.filter { !$0.isForGuests && $0.driver != nil }
    let counts = [
      "\(made.count) made", "\(forGuests.count) for guests",
      driven.isEmpty
        ? nil
        : "\(driven.count) with the host's driver \(Set(driven.compactMap(\.driver)).sorted().list())",
    ].compactMap(\.self).joined(separator: ", ")
    guard forGuests.count < made.count else {
      return .warn(
        "\(counts); none is left",
        remedy:
          "end the guests, remove all (vgpu remove \(target.address)), and make more (--count)")
    }
    // The host draws on them, and its desktop may hold them open.
    let shown = driven.filter { $0.cardNode != nil }
    guard shown.isEmpty else {
      return .warn(
        counts,
        remedy: "make them without the host's driver, as vgpu create does "
          + "(sriov_drivers_autoprobe is 0 meanwhile), so that no desktop opens them")
    }
    return .ok(counts)
  }
}
