// SPDX-License-Identifier: Apache-2.0

import CLinux
import EGLPresenter
import FramePacing
import FrameStatistics
import Glibc
import LinuxSystem
import SystemPackage
import VGPUDisplay

/// The work of a viewer's thread: it looks at the guest just before each refresh of the monitor and shows
/// new frames, or sleeps. One page flip is on its way at a time, and its event is the monitor's clock.
final class KMSLoop {
  private let source: any FrameSource
  private let screen: KMSScreen
  private let options: KMSViewer.Options
  private let control: KMSViewerControl
  private let end: MonotonicInstant?
  private var alarm: Alarm
  private var record: KMSRecord
  private var director = FrameDirector(fallbackInterval: .nanoseconds(16_666_667))
  private let shadow = FrameShadow()
  private let input: ScreenInput?
  private var hasInput = false
  private var number: UInt64 = 0
  private var hasEnded = false
  private var message: String?
  private var toldReasons: [String] = []

  init(
    _ source: any FrameSource, _ screen: KMSScreen, _ options: KMSViewer.Options,
    _ control: KMSViewerControl
  ) throws(SystemCallError) {
    self.source = source
    self.screen = screen
    self.options = options
    self.control = control
    end = options.time.map { MonotonicInstant.now.advanced(by: $0) }
    alarm = try Alarm()
    record = KMSRecord(driver: screen.driver)
    input = try options.input.map { sink throws(SystemCallError) in
      ScreenInput(try SeatDevices(), for: sink)
    }
    source.whenLetGo { [weak control] in control?.letGo() }
  }

  func run() throws(KMSError) -> KMSStatistics {
    defer {
      input?.turnOff()
      screen.restore()
    }
    director.gainedSurface()
    var turn: FrameSchedule.Turn?
    while !isOver {
      if let due = turn, isDue(due) { try take(due) }
      if isOver { break }
      turn = director.next(now: .now, lastInput: lastInput, tells: tells)
      try sleep(until: turn?.wake)
    }
    awaitLastFlip()
    return record.end()
  }

  private var isOver: Bool {
    if hasEnded { return true }
    if let frames = options.frames, record.statistics.framesPresented >= frames { return true }
    return end.map { $0 <= .now } ?? false
  }

  /// When the guest was told something last.
  private var lastInput: MonotonicInstant { input?.last ?? MonotonicInstant(nanoseconds: 0) }

  private var tells: Bool { source.eventDescriptor != nil }

  private func isDue(_ turn: FrameSchedule.Turn) -> Bool {
    director.isDue(turn, now: .now, lastInput: lastInput, tells: tells)
  }

  // MARK: Sleeping

  /// Sleeps, and takes flips, orders, and the signals of a source that tells changes.
  private func sleep(until turn: MonotonicInstant?) throws(KMSError) {
    let time = [turn, end].compactMap { $0 }.min()
    let isNow = time.map { $0 <= .now } ?? false
    if !isNow { alarm.set(time) }
    var polled = (
      pollfd(fd: control.ending.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: control.lettingGo.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: alarm.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: screen.descriptor, events: Int16(POLLIN), revents: 0),
      // A source that has signalled is not polled again before a look.
      pollfd(
        fd: director.isTold ? -1 : source.eventDescriptor ?? -1, events: Int16(POLLIN), revents: 0),
      pollfd(fd: hasInput ? input?.descriptor ?? -1 : -1, events: Int16(POLLIN), revents: 0)
    )
    withUnsafeMutableBytes(of: &polled) { bytes in
      _ = poll(bytes.bindMemory(to: pollfd.self).baseAddress, 6, isNow ? 0 : -1)
    }
    if polled.0.revents != 0 { hasEnded = true }
    if polled.2.revents != 0 { alarm.hasRung() }
    if polled.3.revents & Int16(POLLIN) != 0 {
      hearFlips()
    } else if polled.3.revents != 0 {
      throw .failed(
        SystemCallError(
          call: "poll", object: screen.name, errno: .operationNotSupportedByDevice,
          remedy: "the card has gone; plug it in again"))
    }
    if polled.4.revents != 0 { director.told() }
    if polled.5.revents != 0, input?.read() == true { hasEnded = true }
    if polled.1.revents != 0 {
      control.hasHeard()
      try sourceLetGo()
    }
  }

  private func hearFlips() {
    screen.readFlips { number, feedback in
      let verdict = director.presented(number, feedback, now: .now)
      director.asked(now: .now)
      record.presented(
        number, feedback, verdict, interval: director.schedule.clock.interval)
    }
  }

  /// A frame that was presented last is shown, or was given up, before its statistics are made.
  private func awaitLastFlip() {
    var entry = pollfd(fd: screen.descriptor, events: Int16(POLLIN), revents: 0)
    if screen.isFlipPending, poll(&entry, 1, 500) > 0 { hearFlips() }
  }

  // MARK: Looking

  private func take(_ turn: FrameSchedule.Turn) throws(KMSError) {
    let start = MonotonicInstant.now
    director.took(turn, now: start, lastInput: lastInput)
    let state = source.poll()
    record.queried(start, source.counters)
    switch state {
    case .frame(let frame): try see(frame, turn)
    case .noPicture(let reason): try say("\(reason)")
    }
  }

  /// The guest has ended: the screen must not keep its memory.
  private func sourceLetGo() throws(KMSError) {
    guard case .noPicture(let reason) = source.poll() else {
      // That poll took what a source that tells had told, and did not show it.
      director.told()
      return
    }
    try say("\(reason)")
  }

  private func see(_ frame: Frame, _ turn: FrameSchedule.Turn) throws(KMSError) {
    let sight = FrameDirector.Sight(frame)
    var decision = director.saw(sight, in: turn)
    if case .compare(let isWhole) = decision {
      let start = MonotonicInstant.now
      decision = director.compared(
        hasChanged: shadow.hasChanged(frame, isWhole ? .whole : .sample))
      record.compared(start)
    }
    guard case .show(let isFlip) = decision else { return }
    guard !screen.isFlipPending else {
      // The display engine is late by a second: the monitor is perhaps switched off.
      director.isStale()
      return
    }
    if isFlip { record.newFrame(frame) }
    try show(frame, sight)
  }

  private func show(_ frame: Frame, _ sight: FrameDirector.Sight) throws(KMSError) {
    number += 1
    let begin = MonotonicInstant.now
    // Taken even though it is not used: the next one counts from this frame.
    _ = source.takeDamage()
    do throws(KMSError) {
      try screen.present(frame, number: number, copying: options.alwaysCopies)
    } catch {
      // What was taken is not shown yet.
      director.isStale()
      switch error {
      case .cannotShow(let reason): return try say(reason)
      // The last flip is not over, although its event has come.
      case .failed(let error) where error.errno == .resourceBusy: return
      case .failed(let error) where error.errno == .permissionDenied:
        throw .failed(error.advising("another program has taken the screen"))
      default: throw error
      }
    }
    let now = MonotonicInstant.now
    director.handedOver(number, sight, asksForFrames: true, at: now)
    record.committed(number, drawnFrom: begin, at: now, by: screen)
    message = nil
    input?.picture = screen.placement
    beginInput()
    if let reason = screen.copyReason { tellOnce("the picture is copied: \(reason)") }
    if let reason = screen.cursorReason { tellOnce("the pointer is not shown: \(reason)") }
  }

  /// Takes the seat's devices with the first picture, because before it a person may want the console.
  private func beginInput() {
    guard let input, !hasInput else { return }
    hasInput = true
    do throws(SystemCallError) {
      try input.turnOn()
    } catch {
      tellOnce("nobody can type: \(error)")
    }
  }

  private func say(_ reason: String) throws(KMSError) {
    director.saysMessage()
    input?.picture = nil
    guard reason != message else { return }
    if message == nil { try screen.blank() }
    message = reason
    options.onMessage(reason)
  }

  /// Reasons come back with every frame.
  private func tellOnce(_ reason: String) {
    guard !toldReasons.contains(reason) else { return }
    // A guest may have ever new ones.
    if toldReasons.count >= 16 { toldReasons.removeFirst() }
    toldReasons.append(reason)
    options.onMessage(reason)
  }
}

extension FrameDirector.Sight {
  fileprivate init(_ frame: Frame) {
    self.init(
      flip: frame.flip, buffer: frame.primary.id, revision: frame.revision,
      cursor: frame.cursor?.buffer.id, x: frame.cursor?.x ?? 0, y: frame.cursor?.y ?? 0)
  }
}

/// The only counter of frames' events.
private struct KMSRecord: ~Copyable {
  private(set) var statistics: KMSStatistics
  private var recorder = FrameRecorder()

  init(driver: String) {
    statistics = KMSStatistics(driver: driver)
    recorder.feedback = .pageFlip
  }

  mutating func queried(_ start: MonotonicInstant, _ counters: SourceCounters) {
    recorder.queried(MonotonicInstant.now.elapsed(since: start))
    statistics.gets = counters.gets
  }

  mutating func compared(_ start: MonotonicInstant) {
    statistics.comparisons += 1
    statistics.comparisonSeconds += MonotonicInstant.now.seconds(since: start)
  }

  mutating func newFrame(_ frame: Frame) {
    recorder.newFrame(detectedAt: frame.detectedAt)
    statistics.newFrames += 1
  }

  mutating func committed(
    _ number: UInt64, drawnFrom begin: MonotonicInstant, at end: MonotonicInstant,
    by screen: KMSScreen
  ) {
    recorder.drawn(end.elapsed(since: begin))
    recorder.committed(at: end, number: number)
    statistics.handed.add(at: end)
    statistics.path = screen.path
    if screen.path == .direct { statistics.handovers += 1 } else { statistics.copies += 1 }
    statistics.acceptedBuffers = screen.acceptedBuffers
    statistics.copyReason = screen.copyReason
  }

  mutating func presented(
    _ number: UInt64, _ feedback: PresentationFeedback, _ verdict: FrameSchedule.Verdict,
    interval: Int?
  ) {
    recorder.presented(
      number, at: feedback.time, refresh: UInt64(clamping: feedback.interval),
      sequence: feedback.sequence)
    statistics.framesShown += 1
    if verdict == .late { statistics.framesLate += 1 }
    statistics.refreshRate = interval.map { 1e9 / Double($0) }
  }

  /// The statistics, when no more events come.
  mutating func end() -> KMSStatistics {
    recorder.flush()
    statistics.frames = recorder.reporter.measurement()
    return statistics
  }
}
