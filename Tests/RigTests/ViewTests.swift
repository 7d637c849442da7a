// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestPatterns
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
      let statistics = try JSONDecoder().decode(
        Statistics.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
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
        let deadline = Date(timeIntervalSinceNow: 60)
        var isShown = false
        while !isShown, viewer.isRunning, Date() < deadline {
          usleep(300_000)
          // The BIOS goes on; what is compared is taken as late as the compositor's picture.
          let guestPicture = try QEMUTests.screenshot("pid:\(guest.pid)") { _ in true }
          isShown = try guestPicture.map { try compositor.picture().contains($0) } ?? false
        }
        #expect(isShown, "the BIOS's picture in the window, pixel for pixel")
      }
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
        #expect(end.code == 1)
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

extension Picture {
  /// Whether another picture lies somewhere in this one, pixel for pixel.
  fileprivate func contains(_ other: Picture) -> Bool {
    guard width >= other.width, height >= other.height else { return false }
    // Rows are compared from where the guest drew something, so that black on black costs little.
    guard
      let row = (0..<other.height).first(where: { y in
        (0..<other.width).contains { other.color(x: $0, y: y) != 0 }
      })
    else { return false }
    return (0...height - other.height).contains { top in
      (0...width - other.width).contains { left in
        isSame(other, row, left, top)
          && (0..<other.height).allSatisfy { isSame(other, $0, left, top) }
      }
    }
  }

  private func isSame(_ other: Picture, _ y: Int, _ left: Int, _ top: Int) -> Bool {
    let mine = ((top + y) * width + left) * 3
    let theirs = y * other.width * 3
    return rgb[mine..<mine + other.width * 3].elementsEqual(
      other.rgb[theirs..<theirs + other.width * 3])
  }
}
