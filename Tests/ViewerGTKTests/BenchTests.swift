// SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationXML
import FrameStatistics
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

      let target: String
      let guest: String
      let view: View
    }

    /// Beside the test bundle, wherever that was started from.
    private func program() throws -> String {
      try #require(
        [Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0])]
          .flatMap { [$0, $0.deletingLastPathComponent()] }
          .map { $0.appendingPathComponent("vgpu").path }
          .first {
            FileManager.default.isExecutableFile(atPath: $0)
              && (try? FileManager.default.contentsOfDirectory(atPath: $0)) == nil
          })
    }

    @Test(arguments: [Screen.Kind.xvfb, .westonGL])
    func measures(kind: Screen.Kind) throws {
      let screen = try Screen(kind)
      let picture = FileManager.default.temporaryDirectory
        .appendingPathComponent("bench-\(UUID().uuidString).svg")
      defer { try? FileManager.default.removeItem(at: picture) }
      let (output, status) = try screen.start(
        program(),
        ["bench", "demo", "--seconds", "3", "--json", "--svg", picture.path]
          + (kind == .westonGL ? ["--fullscreen"] : [])
      ).finish()
      try #require(status == 0)
      let run = try JSONDecoder().decode(Output.self, from: output)
      #expect(run.target == "demo")
      #expect(run.guest == "1024x768")
      #expect(run.view.backend == (kind.isWayland ? "wayland" : "x11"))
      let timing = run.view.timing
      #expect(timing.feedback != .none)
      #expect(timing.clock == "CLOCK_MONOTONIC")
      #expect(timing[.presented] > 1)
      #expect(timing[.warmUp] > 0)
      #expect(timing[.updates] > 1 && timing[.updates] <= timing[.presented])
      #expect(timing[.detectToPresent].count == timing[.updates])
      #expect(timing[.draw].count >= timing[.presented])
      #expect(timing[.draw].p50 > 0)
      #expect(timing[.query].count >= timing[.presented])
      if run.view.path == "import" { #expect(timing[.importing].count >= 1) }
      #expect(XMLParser(data: try Data(contentsOf: picture)).parse())
    }

    @Test func saysWhatIsWrong() throws {
      let screen = try Screen(.xvfb)
      for arguments in [["--seconds", "0"], ["--json", "--svg", "-"]] {
        let tool = try screen.start(try program(), ["bench", "demo"] + arguments)
        #expect(try tool.finish().status == 64)
      }
      // No such process.
      let tool = try screen.start(try program(), ["bench", "pid:4194305"])
      #expect(try tool.finish().status == 1)
    }
  }
}
