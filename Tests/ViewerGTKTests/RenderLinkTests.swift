// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Testing

@testable import ViewerGTK

@Suite struct RenderLinkTests {
  /// The render thread sleeps long while the guest is at rest, and input is likely to change that.
  @Test func theFirstInputForAWhileWakesTheRenderThread() throws {
    let link = try RenderLink()
    func isAwake() -> Bool {
      var entry = pollfd(fd: link.wakeup.rawValue, events: Int16(POLLIN), revents: 0)
      return poll(&entry, 1, 0) > 0
    }
    #expect(!isAwake())
    link.hasSentInput()
    #expect(isAwake())
    _ = link.takeOrders()
    #expect(!isAwake())
    // A pointer in motion is told hundreds of times a second.
    for _ in 0..<100 { link.hasSentInput() }
    #expect(!isAwake())
    usleep(600_000)
    link.hasSentInput()
    #expect(isAwake())
  }
}
