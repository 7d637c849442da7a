// SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationXML
import FrameStatistics
import TestSupport
import Testing

extension WindowTests {
  /// `vgpu bench` as a person calls it, on a real display server.
  @Suite struct BenchTests {
    private struct Output: Decodable {
      struct View: Decodable {
        let path: String
        let backend: String
        let framesPresented: Int
        let timing: FrameReport
      }

      struct Size: Decodable, Equatable {
        let width: Int
        let height: Int
      }

      let target: String
      let size: Size
      let statistics: View
    }

    @Test(arguments: [Screen.Kind.xvfb, .westonGL])
    func measures(kind: Screen.Kind) throws {
      let screen = try Screen(kind)
      let picture = FileManager.default.temporaryDirectory
        .appendingPathComponent("bench-\(UUID().uuidString).svg")
      defer { try? FileManager.default.removeItem(at: picture) }
      let (output, status) = try screen.start(
        Screen.program("vgpu"),
        ["bench", "demo", "--seconds", "3", "--json", "--svg", picture.path]
          + (kind == .westonGL ? ["--fullscreen"] : [])
      ).finish()
      try #require(status == 0)
      try JSONSchema.expect(output, fits: "bench")
      let run = try JSONDecoder().decode(Output.self, from: output)
      #expect(run.target == "demo")
      #expect(run.size == Output.Size(width: 1024, height: 768))
      #expect(run.statistics.backend == (kind.isWayland ? "wayland" : "x11"))
      let timing = run.statistics.timing
      #expect(timing.feedback != .none)
      #expect(timing.clock == "CLOCK_MONOTONIC")
      #expect(timing[.presented] > 1)
      #expect(timing[.warmUp] > 0)
      #expect(timing[.updates] > 1 && timing[.updates] <= timing[.presented])
      #expect(timing[.detectToPresent].count == timing[.updates])
      #expect(timing[.draw].count >= timing[.presented])
      #expect(timing[.draw].p50 > 0)
      #expect(timing[.query].count >= timing[.presented])
      if run.statistics.path == "import" { #expect(timing[.importing].count >= 1) }
      #expect(XMLParser(data: try Data(contentsOf: picture)).parse())
    }

    @Test func saysWhatIsWrong() throws {
      let screen = try Screen(.xvfb)
      for arguments in [["--seconds", "0"], ["--json", "--svg", "-"]] {
        let tool = try screen.start(Screen.program("vgpu"), ["bench", "demo"] + arguments)
        #expect(try tool.finish().status == 64)
      }
      // No such process.
      let tool = try screen.start(Screen.program("vgpu"), ["bench", "pid:4194305"])
      #expect(try tool.finish().status == 66)
    }
  }
}
