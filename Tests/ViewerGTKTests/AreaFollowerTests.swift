// SPDX-License-Identifier: Apache-2.0

import CGTK3
import Foundation
import Testing
import VGPUDisplay

@testable import ViewerGTK

/// Which of a view's sizes are the user's wishes.
@Suite @MainActor struct AreaFollowerTests {
  private let follower = AreaFollower()
  private let small = PixelSize(width: 640, height: 480)
  private let large = PixelSize(width: 1024, height: 768)

  private func wishes(in seconds: Double) -> [PixelSize] {
    var wishes: [PixelSize] = []
    follower.onRest = { wishes.append($0) }
    let end = Date(timeIntervalSinceNow: seconds)
    while Date() < end {
      g_main_context_iteration(nil, 0)
      usleep(5000)
    }
    return wishes
  }

  /// A busy display server gives a window its new size late.
  @Test func aWindowOnItsWayToAnotherSizeWishesForNothing() {
    follower.expect(small)
    follower.changed(to: small)
    follower.expect(large)
    follower.changed(to: small)
    #expect(wishes(in: 0.8).isEmpty)
    follower.changed(to: large)
    #expect(wishes(in: 0.5).isEmpty)
    let other = PixelSize(width: 800, height: 600)
    follower.changed(to: other)
    #expect(wishes(in: 0.8) == [other])
  }

  @Test func aSizeThatTheWindowManagerInsistsOnIsAWish() {
    follower.expect(small)
    follower.changed(to: large)
    #expect(wishes(in: 2.6) == [large])
  }

  @Test func aFewPixelsAreNoWish() {
    follower.expect(small, tolerance: 6)
    follower.changed(to: PixelSize(width: 643, height: 480))
    #expect(wishes(in: 0.5).isEmpty)
  }
}
