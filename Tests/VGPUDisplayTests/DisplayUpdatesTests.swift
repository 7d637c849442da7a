// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TestPatterns
import Testing
import VFIO

@testable import VGPUDisplay

/// A display as a sequence, for programs that do not draw.
@Suite struct DisplayUpdatesTests {
  /// A source whose answers a test gives, one a poll; the last one stays.
  private final class Scripted: FrameSource {
    let name = "scripted"
    private(set) var counters = SourceCounters()
    private var answers: [DisplayState]
    var polls: Int { counters.queries }

    init(_ answers: [DisplayState]) { self.answers = answers }

    func poll() -> DisplayState {
      counters.queries += 1
      return answers.count > 1 ? answers.removeFirst() : answers[0]
    }
  }

  private func frames(_ count: Int) throws -> [Frame] {
    let source = DisplaySource(
      try SyntheticGuest(pattern: TestPattern(width: 32, height: 32), framesPerSecond: 0))
    guard case .frame(let frame) = source.poll() else { return [] }
    return (0..<count).map {
      Frame(primary: frame.primary, cursor: frame.cursor, flip: UInt64($0 + 1), detectedAt: .now)
    }
  }

  @Test func changesAloneAreUpdates() async throws {
    let frames = try frames(2)
    let moved = Frame(
      primary: frames[1].primary,
      cursor: frames[1].cursor.map { Cursor(buffer: $0.buffer, x: 7, y: 9, hotspot: nil) },
      flip: 2, detectedAt: .now)
    let source = Scripted([
      .noPicture(.waiting("a")), .noPicture(.waiting("a")), .noPicture(.waiting("b")),
      .frame(frames[0]), .frame(frames[0]), .frame(frames[0]), .frame(frames[1]), .frame(moved),
      .noPicture(.planeOff),
    ])
    var seen: [String] = []
    for await update in DisplayUpdates(of: source, every: .microseconds(10)) {
      switch update.state {
      case .frame(let frame): seen.append("\(frame.flip) \(frame.cursor?.x ?? -1)")
      case .noPicture(let reason): seen.append("\(reason)".prefix(9).description)
      }
      if seen.count == 6 { break }
    }
    #expect(seen == ["a", "b", "1 0", "2 0", "2 7", "The guest"])
    #expect(source.polls == 9)
  }

  /// A source that tells is polled when it tells, and not before.
  @Test(.timeLimit(.minutes(15))) func sourceThatTellsIsNotAsked() async throws {
    let source = DisplaySource(
      try SyntheticGuest(
        pattern: TestPattern(width: 32, height: 32), framesPerSecond: 50, tells: true))
    var updates = 0
    var damaged = 0
    for await update in DisplayUpdates(of: source, every: .seconds(600)) {
      updates += 1
      if let damage = update.damage, !damage.isEmpty { damaged += 1 }
      if updates == 10 { break }
    }
    #expect(damaged == 10)
    #expect(source.counters.queries < 60, "two planes a poll, and no poll without news")
  }

  @Test(.timeLimit(.minutes(15)), arguments: [false, true])
  func cancelledTaskEndsIt(tells: Bool) async throws {
    let task = Task {
      let source = DisplaySource(
        try SyntheticGuest(
          pattern: TestPattern(width: 32, height: 32), framesPerSecond: 0, tells: tells))
      var updates = 0
      for await _ in DisplayUpdates(of: source, every: .seconds(600)) { updates += 1 }
      return updates
    }
    try await Task.sleep(for: .milliseconds(50))
    task.cancel()
    #expect(try await task.value <= 1)
  }

  /// Frames stay on the actor of the task that iterates.
  @MainActor @Test func framesStayOnTheirActor() async throws {
    let source = DisplaySource(
      try SyntheticGuest(pattern: TestPattern(width: 32, height: 32), framesPerSecond: 200))
    var flips: [UInt64] = []
    for await update in DisplayUpdates(of: source, every: .milliseconds(1)) {
      MainActor.assertIsolated()
      if case .frame(let frame) = update.state { flips.append(frame.flip) }
      if flips.count == 5 { break }
    }
    // A late look can find the same buffer again, and another place of the pointer.
    #expect(flips == flips.sorted())
  }
}
