// SPDX-License-Identifier: Apache-2.0

import TestPatterns
import VGPUDisplay

/// A guest that tells when it has something new. As it ends it prints how often it was looked at.
final class TellingSource: FrameSource {
  private let guest: DisplaySource<SyntheticGuest>
  private var looks = 0

  init(framesPerSecond: Double) throws {
    guest = DisplaySource(
      try SyntheticGuest(
        pattern: TestPattern(width: 640, height: 480), framesPerSecond: framesPerSecond,
        hasCursor: false, tells: true))
  }

  deinit {
    report("looks=\(looks)")
    report("flips=\(guest.counters.flips)")
  }

  var name: String { guest.name }
  var counters: SourceCounters { guest.counters }
  var eventDescriptor: Int32? { guest.eventDescriptor }

  func takeDamage() -> Damage? { guest.takeDamage() }

  func poll() -> DisplayState {
    looks += 1
    return guest.poll()
  }
}
