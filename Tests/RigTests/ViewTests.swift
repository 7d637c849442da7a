// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

extension RigTests {
  /// `vgpu view` in a compositor, whose picture is compared with what the guest drew.
  @Suite struct ViewTests {
    private struct Statistics: Decodable {
      let framesPresented: Int
      let seconds: Double
      let framesPerSecond: Double
      let path: String
      let imports: Int
      let gets: Int
      let copies: Int
      let comparisons: Int
      let changeDetection: String?
      let backend: String
    }

    private struct View {
      let picture: Found?
      let statistics: Statistics
    }

    /// Shows a target until its pixels were seen, or for so many frames.
    private func view(
      _ target: String, _ pattern: TestPattern, _ options: [String] = [], frames: Int? = nil
    ) throws -> View {
      let compositor = try Compositor(width: pattern.width + 80, height: pattern.height + 100)
      let file = "/dev/shm/statistics-\(UUID().uuidString).json"
      defer { try? FileManager.default.removeItem(atPath: file) }
      let end = frames.map { ["--frames", "\($0)"] } ?? []
      let viewer = try Child(
        "vgpu", ["view", target, "--stats", file] + end + options,
        environment: compositor.environment)
      defer { viewer.kill() }
      let found = try compositor.find(pattern, in: viewer) { $0 != nil }
      if frames == nil { kill(viewer.pid, SIGTERM) }
      let result = viewer.end()
      #expect(result.code == 0, "\(result.errors)")
      let json = try Data(contentsOf: URL(fileURLWithPath: file))
      try JSONSchema.expect(json, fits: "statistics")
      let statistics = try JSONDecoder().decode(Statistics.self, from: json)
      return View(picture: found, statistics: statistics)
    }

    @Test func mbochsThatAnotherProcessDraws() throws {
      let pattern = TestPattern(width: 640, height: 480)
      try Rig.withGuest(
        "mbochs-small", ["--mode", "640x480", "--fps", "0", "--first", "77", "--buffers", "1"]
      ) { vGPU, _ in
        let view = try view("mdev:\(vGPU.uuid)", pattern)
        #expect(view.picture?.frame == 77)
        #expect(view.picture?.wrong == 0)
        #expect(view.statistics.path == "import")
        #expect(view.statistics.backend == "wayland")
        // The picture stands still: it is compared, and drawn no more often than the window needs.
        #expect(view.statistics.changeDetection == "cpu")
        // One buffer, fetched once, imported once, never copied.
        #expect(view.statistics.gets == 1)
        #expect(view.statistics.imports == 1)
        #expect(view.statistics.copies == 0)
      }
    }

    @Test func steadyStateOfAFlippingGuest() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "320x240", "--fps", "60", "--buffers", "3"]) {
        vGPU, guest in
        let view = try view("pid:\(guest.pid)", TestPattern(width: 320, height: 240), frames: 240)
        #expect(view.picture != nil)
        #expect(view.statistics.framesPresented >= 240)
        #expect(view.statistics.gets == 3)
        #expect(view.statistics.imports == 3)
        #expect(view.statistics.copies == 0)
        _ = vGPU
      }
    }

    @Test func mdpyRegion() throws {
      try Rig.withGuest("mdpy-vga", ["--fps", "0", "--first", "5"]) { vGPU, _ in
        let view = try view("\(vGPU.uuid)", TestPattern(width: 640, height: 480))
        #expect(view.picture?.frame == 5)
        #expect(view.picture?.wrong == 0)
        #expect(view.statistics.path == "upload")
        #expect(view.statistics.copies == view.statistics.framesPresented)
        #expect(view.statistics.imports == 0)
      }
    }

    @Test func uploadOnRequest() throws {
      try Rig.withGuest(
        "mbochs-small", ["--mode", "640x480", "--fps", "0", "--first", "9", "--buffers", "1"]
      ) { vGPU, _ in
        let view = try view("\(vGPU.uuid)", TestPattern(width: 640, height: 480), ["--upload"])
        #expect(view.picture?.frame == 9)
        #expect(view.picture?.wrong == 0)
        #expect(view.statistics.path == "upload")
      }
    }

    @Test func guestInQEMUWithoutADisplay() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let guest = try QEMUTests.bootGuest(vGPU, "mode=640x480 fps=60 frames=30")
        defer { guest.kill() }
        // QEMU has the device some time after its start.
        try #require(try QEMUTests.screenshot("pid:\(guest.pid)") { $0.width == 640 } != nil)
        let view = try view("pid:\(guest.pid)", TestPattern(width: 640, height: 480))
        #expect(view.picture?.wrong == 0)
        #expect(view.statistics.path == "import")
      }
    }

    /// The BIOS draws text by changing pixels in the buffer that it shows.
    @Test func seaBIOSInQEMUWithoutADisplay() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let guest = try QEMUTests.seaBIOS(vGPU)
        defer { guest.kill() }
        let drawn = try #require(
          try QEMUTests.screenshot("pid:\(guest.pid)", until: QEMUTests.isText))
        let compositor = try Compositor(width: drawn.width + 80, height: drawn.height + 100)
        let viewer = try Child(
          "vgpu", ["view", "pid:\(guest.pid)"], environment: compositor.environment)
        defer { viewer.kill() }
        // The BIOS's cursor blinks. So the guest is stopped before two pictures of it are compared.
        for round in 0..<4 {
          kill(guest.pid, SIGCONT)
          usleep(.random(in: 100_000...900_000))
          kill(guest.pid, SIGSTOP)
          let picture = try #require(try QEMUTests.screenshot("pid:\(guest.pid)") { _ in true })
          #expect(
            try isSeen(picture, by: viewer, on: compositor),
            "the BIOS's picture in the window, pixel for pixel, at stop \(round)")
        }
      }
    }

    /// Waits until the compositor shows a picture of a guest at rest, to the pixel.
    private func isSeen(
      _ picture: Picture, by viewer: Child, on compositor: Compositor
    ) throws -> Bool {
      let deadline = Date(timeIntervalSinceNow: 60)
      while viewer.isRunning, Date() < deadline {
        if try compositor.picture().contains(picture) { return true }
        usleep(100_000)
      }
      return false
    }

    @Test func messageInsteadOfABlackWindow() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let compositor = try Compositor(width: 800, height: 700)
        let viewer = try Child(
          "vgpu", ["view", "mdev:\(vGPU.uuid)"], environment: compositor.environment)
        defer { viewer.kill() }
        let deadline = Date(timeIntervalSinceNow: 60)
        var bright = 0
        while bright <= 300, viewer.isRunning, Date() < deadline {
          usleep(300_000)
          let picture = try compositor.picture()
          bright = stride(from: 0, to: picture.rgb.count, by: 3).count { picture.rgb[$0] > 150 }
        }
        #expect(bright > 300, "text in the window")
        kill(viewer.pid, SIGTERM)
        let end = viewer.end()
        #expect(end.code == 69)
        #expect(end.errors.contains("Waiting for a guest"))
      }
    }

    @Test func withoutADisplayServer() throws {
      let viewer = try Child(
        "vgpu", ["view", "demo"], environment: ["WAYLAND_DISPLAY": "", "DISPLAY": ""])
      let end = viewer.end()
      #expect(end.code == 1)
      #expect(end.errors.contains("no display server"))
    }

    @Test func guestThatEndsAndComesBackWhileViewed() throws {
      let pattern = TestPattern(width: 320, height: 240)
      try Rig.withVGPU("mbochs-small") { vGPU in
        let compositor = try Compositor(width: 500, height: 400)
        let viewer = try Child(
          "vgpu", ["view", "mdev:\(vGPU.uuid)"], environment: compositor.environment)
        defer { viewer.kill() }
        for first in ["500", "600"] {
          let guest = try Child(
            "rig-guest",
            ["\(vGPU.uuid)", "--mode", "320x240", "--fps", "0", "--first", first, "--buffers", "1"])
          #expect(try guest.line() == "ready 320x240")
          let found = try compositor.find(pattern, in: viewer) { $0.map { "\($0.frame)" } == first }
          #expect(found.map { "\($0.frame)" } == first)
          #expect(found?.wrong == 0)
          guest.kill()
          usleep(300_000)
        }
      }
    }
  }
}
