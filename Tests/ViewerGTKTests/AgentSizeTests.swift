// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension WindowTests {
  /// A guest whose driver has no monitor to exchange, with Debian's own agent at the other end of the port.
  @Suite(RealAgent.isPossible, .timeLimit(.minutes(5)), .onOwnThread) struct AgentSizeTests {
    private let screen: Screen
    private let agent: RealAgent
    private let relay: Relay

    init() throws {
      screen = try Screen(.xvfb)
      agent = try RealAgent()
      relay = Relay("\(agent.folder)/relay", to: try agent.accept())
    }

    private func view(_ options: String...) throws -> Tool {
      try screen.start(
        Screen.program("vgpu"), ["view", "demo", "--agent", relay.path] + options)
    }

    private func resize(_ viewer: Tool, _ width: Int, _ height: Int) throws {
      var window: String?
      try Screen.wait(for: viewer) {
        window = try screen.windows(titled: "swift-vgpu").first
        return window != nil
      }
      // Longer than a size has to last: the first one is nobody's wish.
      usleep(600_000)
      try screen.xdotool("windowsize", try #require(window), "\(width)", "\(height)")
    }

    @Test func guestFollowsTheWindow() throws {
      let viewer = try view()
      let first = try agent.screenSize()
      try resize(viewer, 810, 656)
      try Screen.wait(for: viewer) { try agent.screenSize() == "current 800 x 600" }
      // The agent's widths are multiples of eight.
      try resize(viewer, 910, 756)
      try Screen.wait(for: viewer) { try agent.screenSize() == "current 896 x 700" }
      #expect(first == "current 1600 x 1200", "the window's first size is nobody's wish")
    }

    @Test func guestHasTheResolutionThatIsNamed() throws {
      let viewer = try view("--resolution", "1280x720")
      try Screen.wait(for: viewer) { try agent.screenSize() == "current 1280 x 720" }
      try resize(viewer, 810, 656)
      usleep(1_000_000)
      #expect(try agent.screenSize() == "current 1280 x 720")
    }

    @Test func guestKeepsItsSizeWhenNothingFollows() throws {
      let viewer = try view("--no-follow")
      // The agent is there.
      try agent.copy(agent.write([65], to: "text"), "UTF8_STRING", in: "clipboard")
      try resize(viewer, 810, 656)
      usleep(1_000_000)
      #expect(viewer.isRunning)
      #expect(try agent.screenSize() == "current 1600 x 1200")
    }
  }
}
