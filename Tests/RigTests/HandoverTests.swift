// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestPatterns
import Testing
import VGPUDisplay

extension RigTests {
  /// `vgpu view` in a compositor that takes the guest's own buffers.
  @Suite struct HandoverTests {
    private struct Statistics: Decodable {
      let framesPresented: Int
      let path: String
      let draws: Int
      let imports: Int
      let copies: Int
      let framesDiscarded: Int
      let handovers: Int
      let compositorBuffers: Int
      let comparisons: Int
      let handoverRefusal: String?
    }

    /// Shows a vGPU until the screen is as hoped for, and ends the viewer.
    private func view(
      _ vGPU: MdevDevice, width: Int = 500, height: Int = 400, _ options: [String] = [],
      until isThere: (Picture) -> Bool
    ) throws -> Statistics {
      let compositor = try Compositor(width: width, height: height, renderer: "gl")
      let viewer = try Child(
        "vgpu", ["view", "\(vGPU.uuid)", "--view-only", "--stats", "-"] + options,
        environment: compositor.environment)
      defer { viewer.kill() }
      let deadline = Date(timeIntervalSinceNow: 120)
      var isSeen = false
      while !isSeen, viewer.isRunning, Date() < deadline {
        usleep(300_000)
        isSeen = isThere(try compositor.picture())
      }
      #expect(isSeen, "the screen never was as hoped for")
      kill(viewer.pid, SIGTERM)
      let end = viewer.end()
      #expect(end.code == 0, "\(end.errors)")
      return try JSONDecoder().decode(Statistics.self, from: end.output)
    }

    /// Nobody but the compositor touches the buffers, once it has taken them.
    @Test func flippingGuest() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "320x240", "--fps", "5", "--buffers", "3"]) {
        vGPU, _ in
        var frames: Set<UInt32> = []
        let statistics = try view(vGPU) { picture in
          let found = picture.find(TestPattern(width: 320, height: 240))
          if let found, found.wrong == 0 { frames.insert(found.frame) }
          // By then all three were taken.
          return frames.count > 8
        }
        #expect(statistics.path == "direct")
        #expect(statistics.handoverRefusal == nil)
        #expect(statistics.compositorBuffers == 3)
        #expect(statistics.imports <= 3)
        #expect(statistics.copies == 0)
        // Until the window had its size and the compositor all three buffers.
        #expect(statistics.draws == statistics.framesPresented - statistics.handovers)
        #expect(statistics.draws < statistics.handovers)
      }
    }

    @Test func guestThatDrawsIntoTheBufferThatItShows() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "320x240", "--fps", "2", "--buffers", "1"]) {
        vGPU, _ in
        var frames: Set<UInt32> = []
        let statistics = try view(vGPU) { picture in
          let found = picture.find(TestPattern(width: 320, height: 240))
          if let found, found.wrong == 0 { frames.insert(found.frame) }
          return frames.count > 3
        }
        #expect(statistics.path == "direct")
        #expect(statistics.compositorBuffers == 1)
        #expect(statistics.comparisons > 0)
        #expect(statistics.handovers >= 2)
      }
    }

    /// Cut off, or scaled, with black beside it: as it would be drawn.
    @Test(arguments: [("1:1", 200, 150), ("fit", 500, 350)])
    func liesWhereItWouldBeDrawn(scale: String, width: Int, height: Int) throws {
      try Rig.withGuest(
        "mbochs-small", ["--mode", "320x240", "--fps", "0", "--first", "77", "--buffers", "1"]
      ) { vGPU, _ in
        let options = ["--fullscreen", "--scale", scale]
        func shown(_ options: [String]) throws -> (Picture?, Statistics) {
          var last: Picture?
          var same = 0
          let statistics = try view(vGPU, width: width, height: height, options) { picture in
            // The pattern's colour in the middle: for so long that the compositor has the buffer.
            let color = picture.color(x: width / 2, y: height / 2)
            let isLit = (color >> 16) > (color >> 8 & 255) + 20
            same = isLit && last.map { $0.rgb == picture.rgb } == true ? same + 1 : 0
            last = picture
            return same == 2
          }
          return (last, statistics)
        }
        let (drawn, before) = try shown(options + ["--draw"])
        #expect(before.path == "import")
        #expect(before.handoverRefusal == "frames are to be drawn")
        let (direct, statistics) = try shown(options)
        #expect(statistics.path == "direct")
        let expected = try #require(drawn)
        let seen = try #require(direct)
        // Two renderers mix pixels of a scaled picture to within a bit or two.
        let tolerance = scale == "1:1" ? 0 : 4
        let differing = zip(expected.rgb, seen.rgb).count { abs(Int($0) - Int($1)) > tolerance }
        #expect(differing <= (scale == "1:1" ? 0 : expected.rgb.count / 100))
      }
    }

    @Test(arguments: [
      (["--scale", "integer", "--fullscreen"], "scale or place"),
      (["--overlay"], "statistics"),
    ])
    func drawsWhatACompositorCannotShow(options: [String], reason: String) throws {
      try Rig.withGuest("mbochs-small", ["--mode", "320x240", "--fps", "5", "--buffers", "3"]) {
        vGPU, _ in
        var pictures = 0
        let statistics = try view(vGPU, width: 700, height: 500, options) { picture in
          if picture.color(x: 350, y: 300) != 0x202020 { pictures += 1 }
          return pictures > 4
        }
        #expect(statistics.path == "import")
        #expect(statistics.handovers == 0)
        #expect(statistics.handoverRefusal?.contains(reason) == true)
      }
    }

    /// Each change is drawn first and handed over then: the compositor must show both without being
    /// told anything else.
    @Test func guestThatChangesItsMode() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let guest = try QEMUTests.bootGuest(vGPU, "mode=320x240,400x300 hold=20 fps=20 buffers=2")
        defer { guest.kill() }
        let compositor = try Compositor(width: 600, height: 450, renderer: "gl")
        let end = try Child(
          "vgpu",
          [
            "view", "\(vGPU.uuid)", "--view-only", "--scale", "1:1", "--frames", "150",
            "--stats", "-",
          ], environment: compositor.environment
        ).end()
        try #require(end.code == 0, "\(end.errors)")
        let statistics = try JSONDecoder().decode(Statistics.self, from: end.output)
        #expect(statistics.handovers > statistics.draws)
        // Those that wait until they are given up.
        #expect(statistics.framesDiscarded < statistics.framesPresented / 10)
      }
    }

    /// How many of the guest's buffers weston has open, of which there is one on this machine.
    private func compositorsBuffers() throws -> Int {
      let files = FileManager.default
      func text(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      }
      return try files.contentsOfDirectory(atPath: "/proc")
        .filter { Int32($0) != nil && text("/proc/\($0)/comm") == "weston\n" }
        .reduce(0) { count, process in
          let folder = "/proc/\(process)/fdinfo"
          // A software renderer has buffers of its own, of udmabuf.
          return try count
            + files.contentsOfDirectory(atPath: folder)
            .count { text("\(folder)/\($0)").contains("exp_name:\tmbochs") }
        }
    }

    /// What the compositor was given is taken back with the guest's end.
    @Test func guestThatEndsAndComesBackInAnotherMode() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let compositor = try Compositor(width: 500, height: 400, renderer: "gl")
        let viewer = try Child(
          "vgpu", ["view", "\(vGPU.uuid)", "--view-only", "--scale", "1:1"],
          environment: compositor.environment)
        defer { viewer.kill() }
        for (first, pattern) in [
          (500, TestPattern(width: 320, height: 240)), (600, TestPattern(width: 256, height: 192)),
        ] {
          let guest = try Child(
            "rig-guest",
            [
              "\(vGPU.uuid)", "--mode", "\(pattern.width)x\(pattern.height)", "--fps", "0",
              "--first", "\(first)", "--buffers", "1",
            ])
          #expect(try guest.line()?.hasPrefix("ready") == true)
          var found: Found?
          let deadline = Date(timeIntervalSinceNow: 120)
          while found?.frame != UInt32(first), viewer.isRunning, Date() < deadline {
            usleep(200_000)
            found = try compositor.picture().find(pattern)
          }
          #expect(found?.frame == UInt32(first))
          #expect(found?.wrong == 0)
          // Handed over by now, or within some frames.
          while try compositorsBuffers() == 0, viewer.isRunning, Date() < deadline {
            usleep(200_000)
          }
          #expect(try compositorsBuffers() > 0)
          guest.kill()
          let patience = Date(timeIntervalSinceNow: 60)
          while try compositorsBuffers() > 0, Date() < patience { usleep(200_000) }
          #expect(try compositorsBuffers() == 0)
        }
      }
    }
  }
}
