// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestPatterns
import TestSupport
import Testing

extension RigTests {
  /// `VgpuView` in a program that a VM manager's author wrote, with what such a program has: a domain,
  /// a device, a source.
  @Suite struct WidgetTests {
    private static let mode = (width: 640, height: 480)

    /// Compiles Programs/type.c as its author would, but for where the libraries are.
    private func withProgram(_ body: (_ program: String, _ libraries: String) throws -> Void) throws
    {
      let program = "/dev/shm/type-\(UUID().uuidString)"
      defer { try? FileManager.default.removeItem(atPath: program) }
      let libraries = try CLibraries.folder()
      let compiled = try CLibraries.compile(
        "Tests/RigTests/Programs/type.c", with: "vgpu-gtk3", "vgpu", to: program)
      try #require(compiled.code == 0, "\(compiled.text)")
      try body(program, libraries)
    }

    private func start(
      _ program: String, _ libraries: String, _ arguments: [String], on desktop: Desktop,
      _ environment: [String: String] = [:]
    ) throws -> Child {
      try Child(
        program, ["\(Self.mode.width)", "\(Self.mode.height)"] + arguments,
        environment: desktop.environment.merging(["LD_LIBRARY_PATH": libraries]) { $1 }
          .merging(environment) { $1 })
    }

    /// Keys that are typed and sent, clicks at the guest's pixels, the guest's size and process.
    private func expectAllOfIt(_ desktop: Desktop, _ viewer: Child, process: Int32?) throws {
      let window = try GuestWindow(
        desktop, viewer, width: Self.mode.width, height: Self.mode.height)
      let keys = Array(EventCode.a...EventCode.a + 8)
      try window.type(keys)
      let typed = try window.expect("\(keys)") { board in
        keys.allSatisfy { board.key($0).releases == 1 }
      }
      for key in keys { #expect(typed.key(key) == (1, 1, false), "key \(key)") }
      try window.pointAt(500, 77)
      try window.desktop.xdotool("click", "1")
      try window.expect("a click") {
        $0.key(EventCode.left).releases == 1
          && ($0.absolute.x * $0.mode.width) >> 15 == 500
          && ($0.absolute.y * $0.mode.height) >> 15 == 77
      }
      kill(viewer.pid, SIGUSR1)
      let sent = try window.expect("keys that the program sends") {
        $0.key(63).releases == 1 && $0.key(64).releases == 1
      }
      #expect(sent.key(63) == (1, 1, false) && sent.key(64) == (1, 1, false))
      var lines: [String] = []
      while let line = try viewer.line() {
        lines.append(line)
        if line.hasPrefix("sent") { break }
      }
      #expect(lines.last == "sent 1" && lines.contains("size 640x480"), "\(lines)")
      if let process { #expect(lines.contains("process \(process)"), "\(lines)") }
    }

    @Test func domainOfLibvirt() throws {
      let desktop = try Desktop(.xvfb)
      try withProgram { program, libraries in
        try Rig.withVGPU("mbochs-medium") { vGPU in
          let libvirt = try LibvirtTests.Daemon([vGPU])
          defer { libvirt.remove("widget") }
          try libvirt.defineLinux("widget", vGPU.uuid)
          try libvirt.virsh("start", "widget")
          let viewer = try start(
            program, libraries, ["libvirt:widget"], on: desktop,
            ["LIBVIRT_DEFAULT_URI": libvirt.uri])
          defer { viewer.kill() }
          try expectAllOfIt(
            desktop, viewer, process: HostHardware().users(of: vGPU.uuid).first { $0 != viewer.pid }
          )
        }
      }
    }

    /// A device that the program has itself, and the socket that its guest's command line names.
    @Test func deviceOfTheProgram() throws {
      let desktop = try Desktop(.xvfb)
      try withProgram { program, libraries in
        try Rig.withVGPU("mbochs-medium") { vGPU in
          let guest = try LinuxGuest(vGPU)
          defer { guest.qemu.kill() }
          let deadline = Date(timeIntervalSinceNow: 60)
          var users: [Int32] = []
          while users.isEmpty, Date() < deadline {
            users = HostHardware().users(of: vGPU.uuid)
            usleep(50_000)
          }
          let process = try #require(users.first)
          let viewer = try start(
            program, libraries, ["device", "\(vGPU.uuid)", "\(process)"], on: desktop)
          defer { viewer.kill() }
          try expectAllOfIt(desktop, viewer, process: process)
        }
      }
    }

    @Test func sourceOfTheProgram() throws {
      let compositor = try Compositor(width: 720, height: 600)
      let pattern = TestPattern(width: 640, height: 480)
      try withProgram { program, libraries in
        try Rig.withGuest(
          "mbochs-small", ["--mode", "640x480", "--fps", "0", "--first", "77"]
        ) { vGPU, _ in
          let viewer = try Child(
            program, ["640", "480", "source", "\(vGPU.uuid)"],
            environment: compositor.environment.merging(["LD_LIBRARY_PATH": libraries]) { $1 })
          defer { viewer.kill() }
          let found = try compositor.find(pattern, in: viewer) { $0?.frame == 77 && $0?.wrong == 0 }
          #expect(
            found?.frame == 77 && found?.wrong == 0,
            "\(viewer.isRunning ? "" : viewer.end().errors)")
          #expect(try viewer.line() == "size 640x480")
        }
      }
    }
  }
}
