// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import LinuxSystem
import Testing

@testable import ViewerGTK

@Suite struct ContextLossesTests {
  private static func second(_ second: UInt64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: second * 1_000_000_000)
  }
  private let lost = GraphicsError(.lost, "EGL", "the GPU was reset")
  private let none = GraphicsError(.unavailable, "EGL", "no context")

  /// What becomes of failures at these seconds.
  private func answers(_ failures: [(second: UInt64, error: GraphicsError)]) -> [Bool] {
    var losses = ContextLosses()
    return failures.map { losses.isLast($0.error, now: Self.second($0.second)) }
  }

  @Test func threeInHalfAMinuteAreTooMany() {
    #expect(
      answers([1, 20, 40, 60, 80, 81].map { ($0, lost) })
        == [false, false, false, false, false, true])
  }

  @Test func whatThereNeverWasIsNotTriedAgain() { #expect(answers([(1, none)]) == [true]) }

  @Test func aGPUThatIsBeingResetGetsItsTime() {
    #expect(answers([(1, lost), (2, none), (3, none)]) == [false, false, true])
  }
}
