// SPDX-License-Identifier: Apache-2.0

import Foundation
import FrameStatistics
import LinuxSystem
import Testing

@Suite struct ReportTests {
  /// Each count has a number of its own, and each step a length, so that none passes for another.
  private func report() -> FrameReport {
    let stage = Stage(warmUp: .milliseconds(100), refresh: 16_667)
    stage.recorder.feedback = .presentation
    stage.recorder.imported(123_456)
    // Seven of them are the warm-up. The last five are shown a refresh late.
    for index in 0..<27 {
      stage.show(present: UInt64(index) * 777)
      stage.time += 16_667
    }
    stage.time += 2_000_000
    stage.show(isNew: false)
    for later: UInt64 in [1, 2] {
      stage.recorder.newFrame(detectedAt: stage.at(stage.time + 16_667 - later))
    }
    for step: UInt64 in [16_667, 20_000] {
      stage.time += step
      stage.show()
    }
    for _ in 0..<3 {
      stage.recorder.committed(at: stage.at(stage.time))
      stage.recorder.discarded()
    }
    return stage.report()
  }

  @Test func survivesJSON() throws {
    let report = report()
    let data = try JSONEncoder().encode(report)
    #expect(try JSONDecoder().decode(FrameReport.self, from: data) == report)
  }

  /// Programs read these; they are never renamed.
  @Test func keepsItsKeys() throws {
    let data = try JSONEncoder().encode(report())
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "clock", "feedback", "refreshRate", "seconds", "warmUpFrames", "framesPresented",
        "newFrames", "framesPerSecond", "newFramesPerSecond", "missed", "superseded",
        "framesDiscarded", "pauses", "detectToPresentMicroseconds", "detectToCommitMicroseconds",
        "queryMicroseconds",
        "importMicroseconds", "drawMicroseconds", "intervalMicroseconds", "jitterMicroseconds",
      ])
    let counts: [String: FrameCount] = [
      "framesPresented": .presented, "newFrames": .updates, "warmUpFrames": .warmUp,
      "missed": .missed, "superseded": .superseded, "framesDiscarded": .discarded,
      "pauses": .pauses,
    ]
    let report = report()
    #expect(Set(counts.values) == Set(FrameCount.allCases))
    #expect(Set(counts.values.map { report[$0] }).count == counts.count, "a swap is seen")
    for (key, count) in counts { #expect(object[key] as? Int == report[count], "\(key)") }
    let steps: [String: FrameStep] = [
      "queryMicroseconds": .query, "importMicroseconds": .importing, "drawMicroseconds": .draw,
      "detectToCommitMicroseconds": .detectToCommit,
      "detectToPresentMicroseconds": .detectToPresent, "intervalMicroseconds": .interval,
      "jitterMicroseconds": .jitter,
    ]
    #expect(Set(steps.values) == Set(FrameStep.allCases))
    #expect(Set(steps.values.map { report[$0].max }).count == steps.count, "a swap is seen")
    for (key, step) in steps {
      let values = try #require(object[key] as? [String: Double])
      #expect(values["max"] == Double(report[step].max) / 1000, "\(key)")
    }
    let rates = [
      "seconds": report.seconds, "framesPerSecond": report.framesPerSecond,
      "newFramesPerSecond": report.updatesPerSecond, "refreshRate": report.displayRate,
    ]
    #expect(Set(rates.values).count == rates.count, "a swap is seen")
    for (key, rate) in rates { #expect(object[key] as? Double == rate, "\(key)") }
    let importing = try #require(object["importMicroseconds"] as? [String: Double])
    #expect(importing["count"] == 1)
    #expect(importing["max"] == 123.456)
    #expect(Set(importing.keys) == ["count", "p50", "p95", "p99", "max"])
    #expect(object["clock"] as? String == "CLOCK_MONOTONIC")
    #expect(object["feedback"] as? String == "presentation-time")
  }

  /// What people read of the counts: the table, the overlay and the bench have this line.
  @Test func countsAreTold() {
    let report = report()
    #expect(report[.presented] == 23 && report[.updates] == 22 && report[.warmUp] == 7)
    #expect(report.troubles == "missed 5, superseded 2, discarded 3, pauses 1")
    let table = FrameTable(report).description
    #expect(table.contains("presented   23 frames, "))
    #expect(table.contains("new frames  22, "))
    #expect(table.contains("troubles    missed 5, superseded 2, discarded 3, pauses 1\n"))
  }

  @Test(arguments: ["-1", "1e30", "\"x\""])
  func refusesNonsense(value: String) {
    let text = "{\"count\":1,\"p50\":\(value),\"p95\":1,\"p99\":1,\"max\":1}"
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(Distribution.self, from: Data(text.utf8))
    }
  }
}
