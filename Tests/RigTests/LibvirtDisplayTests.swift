// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

extension RigTests {
  /// Domains that have no vGPU and `<graphics type='dbus' p2p='yes'/>`, in a real libvirt of another user.
  @Suite struct LibvirtDisplayTests {
    /// From before the domain's start over its end to its next start, in one window.
    @Test func domainIsShownFromStartToStart() throws {
      let libvirt = try LibvirtTests.Daemon()
      defer { libvirt.remove("again") }
      let compositor = try Compositor(width: 720, height: 600)
      let pattern = TestPattern(width: 640, height: 480)
      func define(_ frames: Int) throws {
        libvirt.remove("again")
        try libvirt.define("again", "mode=640x480 fps=60 frames=\(frames)", display: "bochs")
      }
      try define(30)
      // The window waits for a start.
      let viewer = try Child(
        "vgpu", ["view", "libvirt:again"],
        environment: compositor.environment.merging(["LIBVIRT_DEFAULT_URI": libvirt.uri]) { $1 })
      defer { viewer.kill() }
      for frames in [30, 40] {
        try define(frames)
        try libvirt.virsh("start", "again")
        let found = try compositor.find(pattern, in: viewer) {
          $0.map { Int($0.frame) == frames - 1 && $0.wrong == 0 } == true
        }
        #expect(
          found?.frame == UInt32(frames - 1) && found?.wrong == 0,
          "\(viewer.isRunning ? "" : viewer.end().errors)")
        try libvirt.virsh("destroy", "again")
        #expect(try compositor.find(pattern, in: viewer) { $0 == nil } == nil, "the domain is off")
      }
      #expect(viewer.isRunning)
      kill(viewer.pid, SIGTERM)
      let end = viewer.end()
      #expect(end.code == 0, "\(end.errors)")
    }

    /// QEMU has one client of its display. A window that has lost it does not take it back from the other
    /// program, and shows the domain's next start.
    @Test func anotherProgramTakesADomainsDisplay() throws {
      let libvirt = try LibvirtTests.Daemon()
      defer { libvirt.remove("taken") }
      let compositor = try Compositor(width: 720, height: 600)
      let pattern = TestPattern(width: 640, height: 480)
      func start(_ frames: Int) throws {
        libvirt.remove("taken")
        try libvirt.define("taken", "mode=640x480 fps=60 frames=\(frames)", display: "bochs")
        try libvirt.virsh("start", "taken")
      }
      try start(30)
      let environment = ["LIBVIRT_DEFAULT_URI": libvirt.uri]
      let viewer = try Child(
        "vgpu", ["view", "libvirt:taken"],
        environment: compositor.environment.merging(environment) { $1 })
      defer { viewer.kill() }
      func shown(_ frames: Int) throws -> Bool {
        func isLast(_ found: Found?) -> Bool {
          found.map { Int($0.frame) == frames - 1 && $0.wrong == 0 } == true
        }
        return isLast(try compositor.find(pattern, in: viewer, until: isLast))
      }
      #expect(try shown(30))

      let other = try Child(
        "vgpu", ["screenshot", "libvirt:taken", "/dev/null"], environment: environment)
      #expect(other.end().code == 0)
      #expect(try compositor.find(pattern, in: viewer) { $0 == nil } == nil, "a message")
      // Longer than any pause before an attempt of the window's own.
      usleep(7_000_000)
      #expect(try compositor.find(pattern, in: viewer) { _ in true } == nil, "still the message")

      try libvirt.virsh("destroy", "taken")
      try start(40)
      #expect(try shown(40))
      #expect(viewer.isRunning)
    }

    /// A Linux guest on a virtio GPU: its picture as QEMU has it, and what a person does.
    @Test func typingReachesADomainWithoutAVGPU() throws {
      let libvirt = try LibvirtTests.Daemon()
      defer { libvirt.remove("typed") }
      let desktop = try Desktop(.xvfb, size: "900x700")
      try libvirt.defineLinux("typed", display: "virtio")
      try libvirt.startLinux("typed")
      let viewer = try Child(
        "vgpu", ["view", "libvirt:typed", "--scale", "1:1", "--resolution", "640x480"],
        environment: desktop.environment.merging(["LIBVIRT_DEFAULT_URI": libvirt.uri]) { $1 })
      defer { viewer.kill() }
      let window = try GuestWindow(desktop, viewer, width: 640, height: 480)
      try window.clicks(far: (638, 478))
      try window.wheel()
      try window.sideways()
      try window.everyKey(Array(1...58))
      try window.everyKey(Array(102...111))
      let dump = try libvirt.screendump("typed")
      #expect(dump.width == 640 && dump.height == 480)
      #expect(try desktop.picture().contains(dump), "QEMU's picture in the window, to the pixel")
    }
  }
}
