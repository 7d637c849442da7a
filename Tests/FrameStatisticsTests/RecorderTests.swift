// SPDX-License-Identifier: Apache-2.0

import CAllocationCount
import FrameStatistics
import LinuxSystem
import Testing

/// A recorder on a clock of the test's own.
final class Stage {
  var recorder: FrameRecorder
  /// In microseconds.
  var time: UInt64 = 1_000_000
  let refresh: UInt64

  init(warmUp: Duration = .zero, capacity: Int = 600, refresh: UInt64 = 0) {
    recorder = FrameRecorder(warmUp: warmUp, capacity: capacity)
    self.refresh = refresh
  }

  func at(_ microseconds: UInt64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: microseconds * 1000)
  }

  /// A frame detected now, committed `commit` and presented `present` microseconds later.
  func show(isNew: Bool = true, commit: UInt64 = 1000, present: UInt64 = 5000) {
    recorder.queried(2000)
    if isNew { recorder.newFrame(detectedAt: at(time)) }
    recorder.drawn(300_000)
    recorder.committed(at: at(time + commit))
    recorder.presented(at: at(time + present), refresh: refresh * 1000)
  }

  func report() -> FrameReport {
    recorder.flush()
    return recorder.reporter.report()
  }
}

/// Equal within the 1 % of the histograms.
func isNear(_ value: UInt64, _ expected: UInt64) -> Bool {
  value >= expected - expected / 100 && value <= expected + expected / 100
}

@Suite struct RecorderTests {
  @Test func nothingIsZero() {
    let report = Stage().report()
    #expect(report[.presented] == 0)
    #expect(report.framesPerSecond == 0)
    #expect(report.updatesPerSecond == 0)
    #expect(report[.detectToPresent] == Distribution())
    #expect(report.feedback == .none)
    #expect(report.displayRate == nil)
  }

  @Test func countsFramesAndUpdates() {
    let stage = Stage()
    for index in 0..<61 {
      stage.show(isNew: index % 2 == 0)
      stage.time += 16_000
    }
    let report = stage.report()
    #expect(report[.presented] == 61)
    #expect(report[.updates] == 31)
    #expect(report.seconds == 0.96)
    #expect(report.framesPerSecond == 62.5)
    #expect(report.updatesPerSecond == 31.25)
    #expect(report[.query].count == 61)
    #expect(report[.detectToPresent].count == 31)
    #expect(report[.interval].count == 60)
    #expect(report[.jitter].count == 59)
    #expect(report[.jitter].max == 0)
  }

  @Test func percentiles() {
    let stage = Stage()
    for index in 1...1000 { stage.recorder.drawn(UInt64(index) * 10_000) }
    let draw = stage.report()[.draw]
    #expect(draw.count == 1000)
    #expect(isNear(draw.p50, 5_000_000))
    #expect(isNear(draw.p95, 9_500_000))
    #expect(isNear(draw.p99, 9_900_000))
    #expect(draw.max == 10_000_000)
  }

  @Test func latencies() {
    let stage = Stage()
    for _ in 0..<10 {
      stage.show()
      stage.time += 16_000
    }
    let report = stage.report()
    #expect(report[.detectToPresent].max == 5_000_000)
    #expect(report[.detectToCommit].max == 1_000_000)
    let latencies = stage.recorder.reporter.measurement().latencies
    #expect(latencies.map(\.count) == [10])
    #expect(latencies.allSatisfy { isNear($0.nanoseconds, 5_000_000) })
  }

  @Test func tooLongIsKeptAsTheLongest() {
    let stage = Stage()
    stage.recorder.drawn(.max)
    #expect(stage.report()[.draw].max == Distribution.longest)
  }

  @Test func jitterIsTheIntervalsDifference() {
    let stage = Stage()
    for step: UInt64 in [16_000, 16_000, 32_000, 16_000] {
      stage.show()
      stage.time += step
    }
    stage.show()
    let report = stage.report()
    #expect(report[.interval].count == 4)
    #expect(report[.interval].max == 32_000_000)
    #expect(report[.jitter].count == 3)
    #expect(report[.jitter].p50 == 16_000_000)
  }

  @Test func pausesAreNoIntervals() {
    let stage = Stage()
    for step: UInt64 in [16_000, 16_000, 5_000_000, 16_000] {
      stage.show()
      stage.time += step
    }
    stage.show()
    let report = stage.report()
    #expect(report[.pauses] == 1)
    #expect(report[.interval].count == 3)
    #expect(report[.interval].max == 16_000_000)
    #expect(report[.jitter].count == 1)
  }

  @Test func leavesTheWarmUpOut() {
    let stage = Stage(warmUp: .seconds(1))
    stage.recorder.imported(70_000)
    for _ in 0..<100 {
      stage.show()
      stage.time += 20_000
    }
    let report = stage.report()
    // The first second: the first frame and 50 after it.
    #expect(report[.warmUp] == 51)
    #expect(report[.presented] == 49)
    #expect(report[.draw].count == 49)
    #expect(report[.query].count == 49)
    #expect(report[.importing].count == 1)
  }

  @Test func aFrameThatIsNotDrawnIsSuperseded() {
    let stage = Stage()
    stage.recorder.newFrame(detectedAt: stage.at(1))
    stage.show()
    stage.show()
    let report = stage.report()
    #expect(report[.superseded] == 1)
    #expect(report[.updates] == 2)
  }

  @Test(arguments: [(5_000, 0), (16_000, 0), (17_000, 1), (34_000, 2), (3_000_000, 0)])
  func refreshesWithAnOldFrameAreMissed(latency: Int, missed: Int) {
    let stage = Stage(refresh: 16_667)
    stage.show(present: UInt64(latency))
    let report = stage.report()
    #expect(report[.missed] == missed)
    #expect(report.displayRate.map { ($0 * 100).rounded() } == 6000)
  }

  @Test func blanksTellTheRefresh() {
    let stage = Stage()
    for (sequence, time) in [(10, 100_000), (12, 120_000)] {
      stage.recorder.newFrame(detectedAt: stage.at(UInt64(time - 11_000)))
      stage.recorder.committed(at: stage.at(UInt64(time - 1000)))
      stage.recorder.presented(at: stage.at(UInt64(time)), sequence: UInt64(sequence))
    }
    #expect(stage.report()[.missed] == 1)
  }

  @Test func anOldFrameMissesNothing() {
    let stage = Stage(refresh: 1000)
    stage.show(isNew: false)
    #expect(stage.report()[.missed] == 0)
  }

  @Test func discardedFramesAreNotPresented() {
    let stage = Stage()
    stage.recorder.newFrame(detectedAt: stage.at(10))
    stage.recorder.committed(at: stage.at(20))
    stage.recorder.newFrame(detectedAt: stage.at(1010))
    stage.recorder.committed(at: stage.at(1020))
    stage.recorder.discarded()
    stage.recorder.presented(at: stage.at(3010))
    let report = stage.report()
    #expect(report[.discarded] == 1)
    #expect(report[.presented] == 1)
    // The second's, not the first's.
    #expect(report[.detectToPresent].max == 2_000_000)
  }

  @Test func numbersTellWhichCommitIsMeant() {
    let stage = Stage()
    for number: UInt64 in [7, 8, 10, 11] {
      stage.recorder.newFrame(detectedAt: stage.at(number * 1000))
      stage.recorder.committed(at: stage.at(number * 1000 + 100), number: number)
    }
    // 7 is never heard of, as when its surface was taken away; 9 never was.
    stage.recorder.presented(8, at: stage.at(10_000))
    stage.recorder.presented(9, at: stage.at(10_500))
    stage.recorder.presented(7, at: stage.at(10_500))
    stage.recorder.discarded(10)
    stage.recorder.presented(11, at: stage.at(12_000))
    let report = stage.report()
    #expect(report[.presented] == 2)
    #expect(report[.discarded] == 1)
    #expect(report[.detectToPresent].max == 2_000_000)
    #expect(report[.detectToPresent].count == 2)
    #expect(isNear(report[.detectToPresent].p50, 1_000_000))
  }

  @Test func feedbackWithoutACommitIsIgnored() {
    let stage = Stage()
    stage.recorder.presented(at: stage.at(5))
    stage.recorder.discarded()
    #expect(stage.report()[.presented] == 0)
    #expect(stage.report()[.discarded] == 0)
  }

  @Test func commitsThatAreNeverAnsweredAreForgotten() {
    let stage = Stage()
    for index: UInt64 in 0..<100 {
      stage.recorder.newFrame(detectedAt: stage.at(index * 1000))
      stage.recorder.committed(at: stage.at(index * 1000))
    }
    for _ in 0..<100 { stage.recorder.presented(at: stage.at(100_000)) }
    let report = stage.report()
    #expect(report[.presented] == 8)
    #expect(isNear(report[.detectToPresent].max, 8_000_000))
  }

  @Test func anotherClockIsNotCompared() {
    let stage = Stage()
    stage.recorder.clock = .id(4)
    stage.recorder.feedback = .presentation
    for _ in 0..<3 {
      stage.show()
      stage.time += 10_000
    }
    let report = stage.report()
    #expect(report.clock == "clock 4")
    #expect(report.feedback == .presentation)
    #expect(report[.detectToPresent].count == 0)
    #expect(report[.detectToCommit].count == 3)
    #expect(report[.interval].count == 2)
  }

  @Test func keepsTheLastPresentations() {
    let stage = Stage(capacity: 10)
    for _ in 0..<25 {
      stage.show()
      stage.time += 1000
    }
    stage.recorder.flush()
    let line = stage.recorder.reporter.measurement().presentations
    #expect(line.count == 10)
    #expect(line.last?.time == 1_029_000_000)
    #expect(line.first?.time == 1_020_000_000)
    #expect(line.allSatisfy { $0.interval == 1_000_000 && $0.latency == 5_000_000 && $0.isNew })
  }

  @Test func clocksThatRunBackDoNotTrap() {
    let stage = Stage()
    stage.recorder.newFrame(detectedAt: stage.at(1000))
    stage.recorder.committed(at: stage.at(10))
    stage.recorder.presented(at: stage.at(9), refresh: 1)
    stage.show()
    stage.time -= 500_000
    stage.show()
    let report = stage.report()
    #expect(report[.presented] == 3)
    #expect(report[.pauses] == 1)
    #expect(report[.interval].count == 0)
  }
}

@Suite struct ReporterTests {
  @Test func addsUpWhatItTakes() async {
    var recorder = FrameRecorder(warmUp: .zero)
    let reporter = recorder.reporter
    let reader = Task.detached {
      var last = 0
      while last < 100_000 {
        let count = reporter.report()[.query].count
        #expect(count >= last)
        last = count
        await Task.yield()
      }
    }
    for _ in 0..<100_000 { recorder.queried(1000) }
    recorder.flush()
    await reader.value
    #expect(reporter.report()[.query].count == 100_000)
    #expect(reporter.report()[.query].count == 100_000)
  }

  @Test func lagsByOneReportWithoutFlush() {
    var recorder = FrameRecorder(warmUp: .zero)
    recorder.queried(1000)
    #expect(recorder.reporter.report()[.query].count == 1)
    recorder.queried(1000)
    recorder.queried(1000)
    #expect(recorder.reporter.report()[.query].count == 2)
    recorder.queried(1000)
    #expect(recorder.reporter.report()[.query].count == 4)
  }

  @Test func flushesTwice() {
    var recorder = FrameRecorder(warmUp: .zero)
    recorder.queried(1000)
    recorder.flush()
    recorder.queried(1000)
    recorder.flush()
    #expect(recorder.reporter.report()[.query].count == 2)
  }

  @Test(.enabled(if: allocations_are_counted() != 0, "the sanitizers' allocator is not counted"))
  func recordingAllocatesNothing() {
    let stage = Stage(refresh: 16_667)
    func frames(_ count: Int) {
      for index in 0..<count {
        stage.recorder.imported(5000)
        if index % 7 == 0 { stage.recorder.newFrame(detectedAt: stage.at(stage.time)) }
        stage.show(present: UInt64(index % 50) * 1000 + 1000)
        if index % 5 == 0 {
          stage.recorder.committed(at: stage.at(stage.time))
          stage.recorder.discarded()
        }
        stage.time += 16_667
      }
    }
    frames(100)
    let before = allocation_count()
    frames(10_000)
    #expect(allocation_count() - before == 0)
    // Nor when a report has been taken and the samples are exchanged.
    _ = stage.recorder.reporter.report()
    let middle = allocation_count()
    frames(10_000)
    #expect(allocation_count() - middle == 0)
    #expect(stage.report()[.presented] == 20_100)
  }
}
