// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension RigTests {
  /// A guest with a mouse and no tablet, whose pointer Debian's own agent moves, by a tablet of the kernel's.
  @Suite(RealAgent.isPossible) struct AgentPointerTests {
    /// The kernel's codes: EV_KEY, EV_REL, EV_ABS; BTN_LEFT, REL_WHEEL, ABS_X, ABS_Y.
    private static let (left, wheel, x, y) = ("1 272", "2 8", "3 0", "3 1")

    @Test func theAgentMovesThePointer() throws {
      let desktop = try Desktop(.xvfb, size: "1000x800")
      let agent = try RealAgent(hasTablet: true)
      let relay = Relay("\(agent.folder)/relay", to: try agent.accept())
      let window = try Child(
        "ViewerFixture", ["input=relative", "scaling=1:1", "agent=\(relay.path)"],
        environment: desktop.environment)
      defer { window.kill() }
      let heard = "\(agent.folder)/events"
      let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Programs/agent_tablet.py").path
      let tablet = try Child("/bin/sh", ["-c", "exec python3 '\(program)' >'\(heard)'"])
      defer { tablet.kill() }
      func events() throws -> [String] {
        ((try? String(contentsOfFile: heard, encoding: .utf8)) ?? "").split(separator: "\n")
          .map(String.init)
      }
      func wait(_ isSo: () throws -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: 120)
        while try !isSo() {
          try #require(Date() < deadline, "\((try? events()) ?? [])")
          usleep(50_000)
        }
      }
      func last(_ code: String) throws -> Int? {
        try events().last { $0.hasPrefix("\(code) ") }
          .flatMap { $0.split(separator: " ").last.flatMap { Int($0) } }
      }
      // As soon as the window has the agent, the pointer's places arrive.
      var column = 300
      try wait {
        column = column == 300 ? 310 : 300
        try desktop.xdotool("mousemove", "\(column)", "300")
        return try last(Self.x) != nil && last(Self.y) != nil
      }
      try desktop.xdotool("mousemove", "300", "300")
      usleep(500_000)
      let corner = (x: try #require(try last(Self.x)), y: try #require(try last(Self.y)))
      // Pixel for pixel.
      for (right, down) in [(7, 0), (100, 51), (-9, -120)] {
        try desktop.xdotool("mousemove", "\(300 + right)", "\(300 + down)")
        try wait { try last(Self.x) == corner.x + right && last(Self.y) == corner.y + down }
      }
      let before = try events().count
      try desktop.xdotool("click", "1")
      try wait { try events().count >= before + 2 }
      #expect(try events()[before...] == ["\(Self.left) 1", "\(Self.left) 0"])
      try desktop.xdotool("click", "4", "click", "5", "click", "5")
      try wait { try events().count >= before + 5 }
      #expect(
        try events()[(before + 2)...] == [
          "\(Self.wheel) 1", "\(Self.wheel) -1", "\(Self.wheel) -1",
        ])
      // A button that is down when the window goes comes up.
      try desktop.xdotool("mousedown", "1")
      try wait { try last(Self.left) == 1 }
      kill(window.pid, SIGTERM)
      let output = String(decoding: window.end().output, as: UTF8.self)
      try wait { try last(Self.left) == 0 }
      // The guest's own mouse was told nothing.
      #expect(!output.contains("event="), "\(output)")
    }
  }
}
