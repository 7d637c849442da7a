// SPDX-License-Identifier: Apache-2.0

import Foundation
import FrameStatistics
import LinuxSystem
import Testing

@Suite struct ReportTests {
  private func report() -> FrameReport {
    let stage = Stage(refresh: 16_667)
    stage.recorder.feedback = .presentation
    stage.recorder.imported(123_456)
    for index in 0..<20 {
      stage.show(present: UInt64(index) * 777)
      stage.time += 16_667
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
        "clock", "feedback", "displayHertz", "seconds", "warmUpFrames", "framesPresented",
        "updates", "framesPerSecond", "updatesPerSecond", "missed", "superseded", "discarded",
        "pauses", "detectToPresentMicroseconds", "detectToCommitMicroseconds", "queryMicroseconds",
        "importMicroseconds", "drawMicroseconds", "intervalMicroseconds", "jitterMicroseconds",
      ])
    let importing = try #require(object["importMicroseconds"] as? [String: Double])
    #expect(importing["count"] == 1)
    #expect(importing["max"] == 123.456)
    #expect(Set(importing.keys) == ["count", "p50", "p95", "p99", "max"])
    #expect(object["clock"] as? String == "CLOCK_MONOTONIC")
    #expect(object["feedback"] as? String == "presentation-time")
  }

  @Test(arguments: ["-1", "1e30", "\"x\""])
  func refusesNonsense(value: String) {
    let text = "{\"count\":1,\"p50\":\(value),\"p95\":1,\"p99\":1,\"max\":1}"
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(Distribution.self, from: Data(text.utf8))
    }
  }
}
