// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeClient
import Foundation
import HostDevices
import LinuxSystem
import MonitorEDID
import Testing
import VFIO
import VGPUDisplay

extension RigTests {
  /// The guest's monitor, whatever ends the one who exchanges it.
  @Suite struct MonitorTests {
    private static let size = (width: 640, height: 480)

    private static let edid =
      (try? EDID(mode: DisplayMode(width: size.width, height: size.height)))?.bytes ?? []

    /// A guest, and its monitor as it sees it.
    private func withGuest(_ body: (MdevDevice, borrowing MonitorPort) throws -> Void) throws {
      try Rig.withGuest("mbochs-small", ["--mode", "320x200"]) { vGPU, guest in
        let process = try RunningProcess(guest.pid)
        let descriptor = try #require(
          try ProcessDevices.descriptors(of: process).first(where: \.isDevice))
        let device = try Device(duplicating: descriptor.number, of: process, name: "guest")
        let found = try device.monitorPort()
        guard let port = consume found else {
          Issue.record("mbochs has an EDID region")
          return
        }
        try port.setLink(up: true)
        try body(vGPU, port)
      }
    }

    private func wait(
      for state: MonitorPort.LinkState, _ port: borrowing MonitorPort,
      _ location: SourceLocation = #_sourceLocation
    ) throws {
      let deadline = Date(timeIntervalSinceNow: 60)
      while try port.linkState() != state {
        try #require(Date() < deadline, "waited for \(state)", sourceLocation: location)
        usleep(1000)
      }
    }

    @Test func nobodyPolls() throws {
      try withGuest { vGPU, port in
        let source = try AttachedSource(.mdev(vGPU.uuid), controlsMonitor: true)
        try source.plugIn(edid: Self.edid, size: Self.size)
        #expect(try port.linkState() == .down)
        try wait(for: .up, port)
        #expect(try port.edid() == Self.edid)
        #expect(source.monitorProblem == nil)
        withExtendedLifetime(source) {}
      }
    }

    @Test func sourceThatGoesMeanwhile() throws {
      try withGuest { vGPU, port in
        do {
          let source = try AttachedSource(.mdev(vGPU.uuid), controlsMonitor: true)
          try source.plugIn(edid: Self.edid, size: Self.size)
          #expect(try port.linkState() == .down)
        }
        #expect(try port.linkState() == .up)
        #expect(try port.edid() == Self.edid)
      }
    }

    @Test func driverThatRefusesTheNewOne() throws {
      try withGuest { vGPU, port in
        try port.setEDID(Self.edid)
        let source = try AttachedSource(.mdev(vGPU.uuid), controlsMonitor: true)
        try source.plugIn(edid: [1, 2, 3], size: Self.size)
        try wait(for: .up, port)
        #expect(try port.edid() == Self.edid)
        #expect(source.monitorProblem != nil)
      }
    }

    @Test func viewerWithoutADisplayServer() throws {
      try withGuest { vGPU, port in
        let view = try Child(
          "vgpu", ["view", "\(vGPU.uuid)", "--resolution", "640x480"],
          environment: ["WAYLAND_DISPLAY": "nowhere", "DISPLAY": ""]
        ).end()
        #expect(view.code == 1)
        #expect(try port.linkState() == .up)
        #expect(try EDID(parsing: port.edid()).preferredMode?.width == 640)
      }
    }

    /// Signals that come while the monitor is unplugged.
    @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGSEGV])
    func viewerThatIsEnded(by signal: Int32) throws {
      let compositor = try Compositor(width: 720, height: 600)
      try withGuest { vGPU, port in
        // Foundation starts programs with every signal blocked, a shell does not.
        let unblock = """
          import os, signal, sys
          signal.pthread_sigmask(signal.SIG_SETMASK, [])
          os.execv(sys.argv[1], sys.argv[1:])
          """
        let viewer = try Child(
          "/usr/bin/python3",
          [
            "-c", unblock, Rig.program("vgpu").path, "view", "\(vGPU.uuid)", "--resolution",
            "640x480",
          ],
          // Swift's own handler of faults lets a process go on that had none.
          environment: compositor.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 })
        defer { viewer.kill() }
        try wait(for: .down, port)
        kill(viewer.pid, signal)
        let deadline = Date(timeIntervalSinceNow: 60)
        while viewer.isRunning {
          try #require(Date() < deadline, "it goes on")
          usleep(1000)
        }
        #expect(try port.linkState() == .up)
      }
    }

    @Test func bridgeThatIsEnded() throws {
      try withGuest { vGPU, port in
        let bridge = try BridgeTests.Bridge([vGPU.uuid], ["--allow-resize"])
        let source = try BridgeSource(path: bridge.path)
        _ = source.poll()
        source.resize(width: 640, height: 480)
        let deadline = Date(timeIntervalSinceNow: 60)
        while try port.linkState() != .down {
          try #require(Date() < deadline)
          _ = source.poll()
        }
        kill(bridge.child.pid, SIGTERM)
        _ = bridge.child.end()
        #expect(try port.linkState() == .up)
      }
    }

    @Test func whatWasKilledIsRepaired() throws {
      try withGuest { vGPU, port in
        let bridge = try BridgeTests.Bridge([vGPU.uuid], ["--allow-resize"])
        let source = try BridgeSource(path: bridge.path)
        _ = source.poll()
        source.resize(width: 640, height: 480)
        while try port.linkState() != .down { _ = source.poll() }
        bridge.child.kill()
        #expect(try port.linkState() == .down)
        // Who only looks writes nothing.
        _ = try AttachedSource(.mdev(vGPU.uuid))
        #expect(try port.linkState() == .down)
        let next = try AttachedSource(.mdev(vGPU.uuid), controlsMonitor: true)
        try wait(for: .up, port)
        withExtendedLifetime(next) {}
      }
    }
  }
}
