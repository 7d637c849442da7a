// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestPatterns
import TestSupport
import Testing

extension RigTests {
  /// Examples/Python/manager.py as a person uses it, with a real libvirt and real domains.
  @Suite struct ExampleManagerTests {
    private static let pattern = TestPattern(width: 640, height: 480)

    /// Waits until the screen shows the domain's last frame, pixel for pixel, or shows no guest.
    private func expect(
      _ desktop: Desktop, isShown: Bool, _ manager: Child,
      location: SourceLocation = #_sourceLocation
    ) throws {
      let deadline = Date(timeIntervalSinceNow: 90)
      var found: Found?
      repeat {
        found = try desktop.picture().find(Self.pattern)
        if isShown ? found?.frame == 29 && found?.wrong == 0 : found == nil { return }
        usleep(200_000)
      } while manager.isRunning && Date() < deadline
      Issue.record(
        "\(found.map { "frame \($0.frame), \($0.wrong) wrong" } ?? "no guest"): \(manager.isRunning ? "" : manager.end().errors)",
        sourceLocation: location)
    }

    @Test(arguments: Desktop.Kind.allCases)
    func consoleOfADomain(kind: Desktop.Kind) throws {
      let desktop = try Desktop(kind, size: "1000x700")
      let libraries = try CLibraries.introspectedFolder()
      try Rig.withVGPU("mbochs-small") { vGPU in
        let libvirt = try LibvirtTests.Daemon([vGPU])
        defer { libvirt.remove("console") }
        try libvirt.define("console", "mode=640x480 fps=60 frames=30", [vGPU.uuid])
        let manager = try Child(
          "/usr/bin/python3",
          [
            CLibraries.package.appendingPathComponent("Examples/Python/manager.py").path,
            libvirt.uri,
          ],
          environment: desktop.environment.merging([
            "LD_LIBRARY_PATH": libraries, "GI_TYPELIB_PATH": libraries,
            "LIBVIRT_DEFAULT_URI": libvirt.uri,
          ]) { $1 })
        defer { manager.kill() }
        func state() throws -> String {
          try libvirt.virsh("domstate", "console").trimmingCharacters(in: .whitespacesAndNewlines)
        }
        /// Chooses the domain's row, the first, and presses a button by its letter.
        func press(_ key: String, until wanted: String) throws {
          let deadline = Date(timeIntervalSinceNow: 60)
          while try state() != wanted, manager.isRunning, Date() < deadline {
            try desktop.xdotool("mousemove", "60", "66", "click", "1")
            usleep(500_000)
            try desktop.xdotool("key", "--delay", "50", "alt+\(key)")
            usleep(1_500_000)
          }
          #expect(try state() == wanted, "\(manager.isRunning ? "" : manager.end().errors)")
        }
        for _ in 0..<2 {
          try press("s", until: "running")
          try expect(desktop, isShown: true, manager)
          #expect(!HostHardware().users(of: vGPU.uuid).isEmpty)
          try press("f", until: "shut off")
          try expect(desktop, isShown: false, manager)
          #expect(HostHardware().users(of: vGPU.uuid).isEmpty)
        }
        #expect(manager.isRunning)
      }
    }
  }
}
