// SPDX-License-Identifier: Apache-2.0

/// Checks for a session of Wayland or X11.
struct SessionCheck: Check {
  let id = "session"
  let title = "Session"
  let area = CheckArea.display
  let purposes: Set<Purpose> = [.virtio, .gvtG, .sriov, .nvidia]
  let why = "On Wayland the compositor tells when to draw; on X11 GTK's clock does."
  let documentation = "docs/host.md#display"

  func examine(_ machine: Machine) -> Verdict {
    guard let live = machine.live else {
      return .notApplicable("cannot be known from a captured tree")
    }
    if live.environment["WAYLAND_DISPLAY"]?.isEmpty == false { return .ok("Wayland") }
    if live.environment["DISPLAY"]?.isEmpty == false { return .ok("X11") }
    return .warn(
      "none: neither WAYLAND_DISPLAY nor DISPLAY is set",
      remedy: "run it from a desktop; vgpu screenshot needs none")
  }
}
