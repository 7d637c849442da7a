// SPDX-License-Identifier: Apache-2.0

import CLinux
import EGLPresenter
import FramePacing
import FrameStatistics
import Glibc
import LinuxSystem
import VGPUDisplay

/// What a view's render thread does: looks at the guest just before each refresh of the monitor and
/// shows what is new, or sleeps. It owns the frame source and, while there is one, the canvas.
final class RenderLoop {
  private let link: RenderLink
  private let source: any FrameSource
  private let record: FrameRecord
  private var alarm: Alarm
  private var canvas: (any Canvas)?
  private var schedule: FrameSchedule
  private var scaling: ScalingMode
  private var overlay: Overlay?
  private var frameLimit: Int?
  private var number: UInt64 = 0

  /// The canvas was given a frame and has not asked for the next.
  private var isWaiting = false
  private var isCovered = false
  /// So many frames are to be drawn though the guest shows nothing new.
  private var staleFrames = 1
  private var hasEnded = false
  private var lastLook = MonotonicInstant(nanoseconds: 0)
  private var lastChange = MonotonicInstant(nanoseconds: 0)
  private var habit = FlipHabit()
  private var presented: Presented?
  private var shown: RenderLink.Shown?
  private var message: ViewMessage?

  /// What was presented last, to tell whether something else is to be seen now.
  private struct Presented: Equatable {
    let flip: UInt64
    let buffer: UInt64
    let cursor: UInt64?
    let x: Int
    let y: Int

    init(_ frame: Frame) {
      flip = frame.flip
      buffer = frame.primary.id
      cursor = frame.cursor?.buffer.id
      x = frame.cursor?.x ?? 0
      y = frame.cursor?.y ?? 0
    }
  }

  /// How often a guest without a picture is looked at, in nanoseconds.
  private static let slowPeriod = 150_000_000
  /// A guest that has shown nothing new for so long is at rest, in nanoseconds.
  private static let rest = 1_000_000_000
  /// A surface that asks for nothing is given a frame that often all the same: it may be hidden, and
  /// the guest's end should not go unnoticed; or the compositor had not shown it yet when it got the
  /// first frame.
  private static let hiddenPeriod = 1_000_000_000

  /// Runs on a thread of its own until it is told to end.
  ///
  /// - Throws: `SystemCallError` when the thread or its timer cannot be had.
  static func start(
    _ source: sending any FrameSource, _ scaling: ScalingMode, _ link: RenderLink,
    _ recorder: consuming FrameRecorder
  ) throws(SystemCallError) -> RenderThread {
    let alarm = try Alarm()
    let loop = RenderLoop(source, scaling, FrameRecord(link, recorder), link, alarm)
    return try RenderThread { loop.run() }
  }

  private init(
    _ source: any FrameSource, _ scaling: ScalingMode, _ record: FrameRecord, _ link: RenderLink,
    _ alarm: consuming Alarm
  ) {
    self.source = source
    self.scaling = scaling
    self.link = link
    self.alarm = alarm
    self.record = record
    schedule = FrameSchedule(fallbackInterval: 16_666_667)
  }

  private func run() {
    var turn: FrameSchedule.Turn?
    while !hasEnded {
      // A turn that has come is taken, however late: a busy machine gets later frames, not none.
      if let due = turn, isDue(due, now: .now) { take(due) }
      turn = nextTurn(now: .now)
      // Orders are followed when nothing else holds the canvas any more: it must be gone when GTK's
      // thread is told so.
      if sleep(until: turn?.wake) { follow(link.takeOrders()) }
    }
    record.flush()
  }

  // MARK: Sleeping

  /// Sleeps, and hears what the display server says.
  ///
  /// - Returns: whether there are orders.
  private func sleep(until time: MonotonicInstant?) -> Bool {
    let isNow = time.map { $0 <= .now } ?? false
    if !isNow { alarm.set(time) }
    let canvas = canvas
    canvas?.prepare()
    var polled = (
      pollfd(fd: link.wakeup.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: alarm.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: canvas?.descriptor ?? -1, events: Int16(POLLIN), revents: 0)
    )
    // What was read already may be what is waited for.
    let isAwaited = isNow || canvas?.events.isEmpty == false
    withUnsafeMutableBytes(of: &polled) { bytes in
      _ = poll(bytes.bindMemory(to: pollfd.self).baseAddress, 3, isAwaited ? 0 : -1)
    }
    canvas?.read(isReadable: polled.2.revents != 0)
    if let canvas { hear(canvas) }
    if polled.1.revents != 0 { alarm.hasRung() }
    return polled.0.revents != 0
  }

  private func hear(_ canvas: any Canvas) {
    for event in canvas.events {
      switch event {
      case .ready:
        ready()
      case .presented(let number, let feedback):
        let verdict = schedule.presented(number, feedback, now: .now)
        record.presented(number, feedback, verdict, interval: schedule.clock.interval)
      case .discarded(let number):
        schedule.discarded(number)
        record.discarded(number)
      case .covered(let isCovered):
        if !isCovered { staleFrames = max(1, staleFrames) }
        self.isCovered = isCovered
      case .stale:
        staleFrames = max(1, staleFrames)
      }
    }
    canvas.events.removeAll(keepingCapacity: true)
  }

  private func ready() {
    isWaiting = false
    schedule.asked(now: .now)
  }

  // MARK: Orders

  private func follow(_ orders: RenderLink.Orders) {
    if let scaling = orders.scaling, scaling != self.scaling {
      self.scaling = scaling
      staleFrames = max(1, staleFrames)
    }
    if let overlay = orders.overlay {
      self.overlay = overlay
      canvas?.show(overlay)
      staleFrames = max(1, staleFrames)
    }
    if let request = orders.picture {
      request.settle(picture())
      link.letGo()
    }
    if let interval = orders.fallbackInterval { schedule.fallbackInterval = interval }
    if let limit = orders.frameLimit { frameLimit = limit }
    if orders.ends { hasEnded = true }
    if orders.letsGo {
      drop()
      link.letGo()
    }
    if let maker = orders.canvas { make(maker) }
    if let geometry = orders.geometry, let canvas {
      canvas.place(geometry)
      // Mesa's software renderer on X11 hears of a window's new size only by showing a frame.
      staleFrames = 2
    }
    if orders.hasPainted { ready() }
  }

  private func make(_ maker: any CanvasMaker) {
    do throws(GraphicsError) {
      let canvas = try maker.make(link)
      self.canvas = canvas
      canvas.show(overlay)
      record.begins(canvas, on: maker.backend)
    } catch {
      record.fellBack(error)
      link.tell { $0.failure = error }
    }
  }

  private func drop() {
    guard let canvas else { return }
    record.ends(canvas)
    self.canvas = nil
    isWaiting = false
    isCovered = false
    staleFrames = max(1, staleFrames)
    shown = nil
    message = nil
    schedule = FrameSchedule(fallbackInterval: schedule.fallbackInterval)
  }

  /// The guest's picture as it is now, without the pointer where the guest has it on a plane of its
  /// own: copied by the CPU, or where only the GPU can read it by the GPU.
  private func picture() -> Result<Picture, ScreenshotError> {
    let frame: Frame
    switch source.poll() {
    case .frame(let shown): frame = shown
    case .noPicture(let reason): return .failure(.noPicture("\(reason)"))
    }
    let refusal: Picture.CopyError
    do {
      return .success(try Picture(copying: frame.primary))
    } catch {
      refusal = error
    }
    let bare = Frame(
      primary: frame.primary, cursor: nil, flip: frame.flip, detectedAt: frame.detectedAt)
    do throws(GraphicsError) {
      guard let picture = try canvas?.pixels(of: bare).flatMap(Picture.init) else {
        return .failure(.noPicture("\(source.name): \(refusal)"))
      }
      return .success(picture)
    } catch {
      return .failure(.noPicture("\(source.name): \(refusal); by the GPU: \(error)"))
    }
  }

  // MARK: Looking

  private func nextTurn(now: MonotonicInstant) -> FrameSchedule.Turn? {
    guard canvas != nil, !isFinished else { return nil }
    if message != nil { return turn(after: Self.slowPeriod) }
    if let check = schedule.check(now: now) { return check }
    if isWaiting || isCovered { return turn(after: Self.hiddenPeriod) }
    return schedule.next(now: now, skipping: isAtRest ? 1 : 0)
  }

  /// The guest has shown nothing new for a while, and was told nothing that it would show something
  /// for. Then it is looked at for every other refresh: what it shows is a refresh late at most.
  private var isAtRest: Bool {
    staleFrames == 0
      && lastLook.nanoseconds(since: max(lastChange, link.lastInput)) > Self.rest
  }

  /// Whether a turn that was planned has come, and may still be taken.
  private func isDue(_ turn: FrameSchedule.Turn, now: MonotonicInstant) -> Bool {
    guard turn.wake <= now, canvas != nil, !isFinished else { return false }
    let isSlow = message != nil || isWaiting || isCovered
    return !isSlow || nextTurn(now: now).map { $0.wake <= now } ?? false
  }

  private func turn(after period: Int) -> FrameSchedule.Turn {
    FrameSchedule.Turn(wake: lastLook.advanced(nanoseconds: period), aim: nil)
  }

  private var isFinished: Bool {
    if let frameLimit { record.framesPresented >= frameLimit } else { false }
  }

  private func take(_ turn: FrameSchedule.Turn) {
    guard let canvas else { return }
    // A surface that has not asked gets its frame drawn, new or not.
    if isWaiting || isCovered, turn.look != .check { staleFrames = max(1, staleFrames) }
    let start = MonotonicInstant.now
    lastLook = start
    schedule.took(turn, now: start)
    let state = source.poll()
    record.queried(start, source.counters)
    switch state {
    case .frame(let frame): show(frame, turn, on: canvas)
    case .noPicture(let reason):
      say(ViewMessage(text: "\(reason)", isFinal: !reason.isTransient), on: canvas)
    }
  }

  private func show(_ frame: Frame, _ turn: FrameSchedule.Turn, on canvas: any Canvas) {
    let next = Presented(frame)
    let isFlip = next.flip != presented?.flip
    schedule.saw(
      turn, flip: isFlip, pointerMoved: next.x != presented?.x || next.y != presented?.y)
    guard turn.look == .last || turn.look == .first && isFlip else { return }
    if isFlip { habit.flipped(at: lastLook) }
    if next != presented { lastChange = lastLook }
    guard staleFrames > 0 || next != presented || hasChanged(frame, on: canvas) else { return }
    if isFlip { record.newFrame(frame) }
    number += 1
    let begin = MonotonicInstant.now
    let placement: Placement
    do throws(GraphicsError) {
      placement = try canvas.present(frame, scaling, number: number)
    } catch {
      failed(error, on: canvas)
      return
    }
    let end = MonotonicInstant.now
    schedule.handedOver(number, at: end)
    isWaiting = canvas.asksForFrames
    staleFrames = max(0, staleFrames - 1)
    presented = next
    record.committed(number, drawnFrom: begin, at: end, by: canvas)
    tell(RenderLink.Shown(placement: placement, hasPointer: frame.cursor != nil))
    if isFinished { link.tell { $0.isFinished = true } }
  }

  /// Whether the guest has drawn into the buffer that it shows.
  private func hasChanged(_ frame: Frame, on canvas: any Canvas) -> Bool {
    guard !habit.isDue(now: lastLook) else { return false }
    let hasChanged = canvas.hasChanged(frame)
    if hasChanged { lastChange = lastLook }
    record.compared(lastLook, by: canvas)
    return hasChanged
  }

  private func failed(_ error: GraphicsError, on canvas: any Canvas) {
    if error.kind == .cannotShow {
      say(ViewMessage(text: "\(error)", isFinal: false), on: canvas)
      return
    }
    // GTK's thread decides what is drawn on next; until then nothing is.
    drop()
    link.tell { $0.failure = error }
  }

  private func tell(_ picture: RenderLink.Shown) {
    guard picture != shown || message != nil else { return }
    shown = picture
    message = nil
    link.tell { news in
      news.picture = picture
      news.message = nil
    }
  }

  private func say(_ message: ViewMessage, on canvas: any Canvas) {
    guard message != self.message else { return }
    if self.message == nil { canvas.hide() }
    isWaiting = false
    staleFrames = max(1, staleFrames)
    shown = nil
    self.message = message
    link.tell { news in
      news.picture = nil
      news.message = message
    }
  }
}
