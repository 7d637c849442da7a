// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestSupport
import Testing

extension RigTests {
  /// `vgpu guests` on a machine whose GPUs offer vGPUs.
  @Suite struct GuestListTests {
    /// Ctrl+N has the types; the chosen one is made, and listed.
    @Test func vGPUIsMadeByKeyboard() async throws {
      let host = HostHardware()
      let before = Set(try host.devices().map(\.uuid))
      let desktop = try Desktop(.xvfb, size: "1000x800")
      let list = try Child("vgpu", ["guests"], environment: desktop.environment)
      let window = try desktop.xdotool("search", "--sync", "--onlyvisible", "--name", "^Guests$")
        .trimmingCharacters(in: .whitespacesAndNewlines)
      try desktop.xdotool("windowfocus", "--sync", window)
      try desktop.xdotool("key", "ctrl+n")
      // The menu is a window of its own, and its first choice is chosen.
      try await eventually {
        let windows = try desktop.xdotool("search", "--onlyvisible", "--class", "vgpu")
        return windows.split(separator: "\n").count >= 2
      }
      try desktop.xdotool("key", "Return")
      var made: MdevUUID?
      try await eventually {
        made = try host.devices().map(\.uuid).first { !before.contains($0) }
        return made != nil
      }
      let uuid = try #require(made)
      let device = try #require(host.device(uuid))
      let first = try #require(try host.types().first { $0.availableInstances != 0 })
      #expect(device.type == first.id && device.parent == first.parent)
      try host.remove(device.uuid)
      kill(list.pid, SIGTERM)
      let end = list.end()
      #expect(end.code == 0 && end.errors.isEmpty, "\(end.errors)")
    }
  }
}
