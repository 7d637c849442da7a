// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import LinuxSystem
import MonitorEDID
import Testing
import VFIO

extension RigTests {
  /// `vgpu view --resolution`, seen from the guest's side.
  @Suite struct ResolutionTests {
    @Test func guestGetsAMonitorOfThatMode() throws {
      try Rig.withGuest("mbochs-medium", ["--mode", "640x480"]) { vGPU, guest in
        let compositor = try Compositor(width: 800, height: 600)
        let view = try Child(
          // Until a frame is shown: how long the guest takes for its mode depends on the machine.
          "vgpu", ["view", "\(vGPU.uuid)", "--resolution", "1280x720@60", "--frames", "1"],
          environment: compositor.environment
        ).end()
        #expect(view.code == 0, "\(view.errors)")
        let descriptor = try #require(
          try ProcessDevices.descriptors(of: RunningProcess(guest.pid)).first {
            $0.target == .device
          })
        let device = try Device(
          duplicating: descriptor.number, of: RunningProcess(guest.pid), name: "guest")
        let found = try device.monitorPort()
        guard let port = consume found else {
          Issue.record("mbochs has an EDID region")
          return
        }
        #expect(try port.isLinkUp())
        let mode = try #require(try EDID(parsing: port.edid()).preferredMode)
        #expect(mode.width == 1280 && mode.height == 720)
        #expect(abs(mode.refreshRate - 60) < 0.1)
      }
    }

    @Test func whatTheDriverCannotMakeIsRefused() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "640x480"]) { vGPU, _ in
        let view = try run("vgpu", "view", "\(vGPU.uuid)", "--resolution", "1920x1080")
        #expect(view.code == 82)
        #expect(view.errors.contains("at most 800x600"), "\(view.errors)")
      }
      try Rig.withGuest("mdpy-vga", []) { vGPU, _ in
        let view = try run("vgpu", "view", "\(vGPU.uuid)", "--resolution", "800x600")
        #expect(view.code == 82)
        #expect(view.errors.contains("no EDID region"), "\(view.errors)")
      }
      #expect(try run("vgpu", "view", "demo", "--resolution", "99x99").code == 64)
    }
  }
}
