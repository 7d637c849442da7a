// SPDX-License-Identifier: Apache-2.0

import CLinux
import EGLPresenter
import FramePacing
import FrameStatistics
import Glibc
import LinuxSystem
import VGPUDisplay

/// The work of a view's render thread: it looks at the guest just before each refresh of the
/// monitor and shows new frames, or sleeps. It owns the frame source and the canvas.
final class RenderLoop {
  private let link: RenderLink
  private let source: any FrameSource
  private let record: FrameRecord
  private var alarm: Alarm
  /// The canvas of the view's own surface.
  private var own: (any Canvas)?
  /// The canvas of the widget that GTK draws, while GTK draws it.
  private var paper: CairoCanvas?
  private var geometry = SurfaceGeometry()
  private var painter = RenderLink.Place.Painter.canvas
  /// Whether the canvas is hidden, because its ancestors cut all of the widget off.
  private var isCutOff = false
  private var director = FrameDirector(fallbackInterval: .nanoseconds(16_666_667))
  private var scaling: ScalingMode
  private var overlay: Overlay?
  private var pointer = PointerExchange()
  private var frameLimit: Int?
  private var number: UInt64 = 0
  private var shown: RenderLink.Shown?
  private var message: ViewMessage?
  private var hasEnded = false

  /// Runs on a thread of its own until an order ends it.
  ///
  /// - Throws: `SystemCallError` when the thread or its timer cannot be made.
  static func start(
    _ source: sending any FrameSource, _ scaling: ScalingMode, _ link: RenderLink,
    _ recorder: consuming FrameRecorder
  ) throws(SystemCallError) -> SystemThread {
    let alarm = try Alarm()
    source.whenLetGo { [weak link] in link?.order { $0.hasLetGo = true } }
    let loop = RenderLoop(source, scaling, FrameRecord(link, recorder), link, alarm)
    return try SystemThread(for: "the render thread") { loop.run() }
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
  }

  /// The canvas that frames are presented on.
  private var canvas: (any Canvas)? { paper ?? own }

  private func run() {
    var turn: FrameSchedule.Turn?
    while !hasEnded {
      if let due = turn, isDue(due) { take(due) }
      turn = nextTurn()
      // Orders are followed when nothing else holds the canvas, because the canvas must be gone
      // before GTK's thread is told so.
      if sleep(until: turn?.wake) { follow(link.takeOrders()) }
    }
    record.flush()
  }

  private func nextTurn() -> FrameSchedule.Turn? {
    guard !isFinished else { return nil }
    return director.next(
      now: .now, lastInput: link.lastInput, tells: source.eventDescriptor != nil)
  }

  private func isDue(_ turn: FrameSchedule.Turn) -> Bool {
    guard !isFinished else { return false }
    return director.isDue(
      turn, now: .now, lastInput: link.lastInput, tells: source.eventDescriptor != nil)
  }

  private var isFinished: Bool {
    if let frameLimit { record.framesPresented >= frameLimit } else { false }
  }

  // MARK: Sleeping

  /// Sleeps, and receives the events of the display server and of a source that signals changes.
  ///
  /// - Returns: whether orders have come.
  private func sleep(until time: MonotonicInstant?) -> Bool {
    let isNow = time.map { $0 <= .now } ?? false
    if !isNow { alarm.set(time) }
    let canvas = canvas
    canvas?.prepare()
    var polled = (
      pollfd(fd: link.wakeup.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: alarm.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: canvas?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
      // A source that has signalled is not polled again before a look.
      pollfd(
        fd: director.isTold ? -1 : source.eventDescriptor ?? -1, events: Int16(POLLIN), revents: 0)
    )
    // The awaited event may have been read already.
    let isAwaited = isNow || canvas?.events.isEmpty == false
    withUnsafeMutableBytes(of: &polled) { bytes in
      _ = poll(bytes.bindMemory(to: pollfd.self).baseAddress, 4, isAwaited ? 0 : -1)
    }
    canvas?.read(isReadable: polled.2.revents != 0)
    if let canvas { hear(canvas) }
    if polled.1.revents != 0 { alarm.hasRung() }
    if polled.3.revents != 0 { director.told() }
    return polled.0.revents != 0
  }

  private func hear(_ canvas: any Canvas) {
    for event in canvas.events {
      switch event {
      case .ready:
        director.asked(now: .now)
      case .presented(let number, let feedback):
        let verdict = director.presented(number, feedback, now: .now)
        record.presented(number, feedback, verdict, interval: director.schedule.clock.interval)
      case .discarded(let number):
        director.discarded(number)
        record.discarded(number)
      case .covered(let isCovered):
        director.covered(isCovered)
      case .stale:
        director.isStale()
      }
    }
    canvas.events.removeAll(keepingCapacity: true)
  }

  // MARK: Orders

  private func follow(_ orders: RenderLink.Orders) {
    if let scaling = orders.scaling, scaling != self.scaling {
      self.scaling = scaling
      director.isStale()
    }
    if let overlay = orders.overlay {
      self.overlay = overlay
      showOverlay()
      director.isStale()
    }
    if let isWanted = orders.hasHostPointer, isWanted != pointer.isWanted {
      pointer.isWanted = isWanted
      director.isStale()
    }
    if let request = orders.picture {
      request.settle(picture())
      // That poll took what a source that tells had told, and did not show it.
      director.told()
      link.letGo()
    }
    if orders.hasLetGo { sourceLetGo() }
    if let interval = orders.fallbackInterval { director.fallbackInterval = interval }
    if let limit = orders.frameLimit { frameLimit = limit }
    if orders.ends { hasEnded = true }
    if orders.letsGo {
      drop()
      source.pause()
      link.letGo()
    }
    if let maker = orders.canvas { make(maker) }
    if let place = orders.place { follow(place, withGTK: orders.isAwaited) }
    if orders.copies { copy() }
    if orders.hasPainted, paper != nil { director.asked(now: .now) }
    if orders.isAwaited { link.letGo() }
  }

  private func make(_ maker: any CanvasMaker) {
    do throws(GraphicsError) {
      let canvas = try maker.make(link)
      own = canvas
      if let paper { paper.reader = canvas } else { begin(canvas) }
      showOverlay()
    } catch {
      record.fellBack(error)
      link.tell { $0.failure = error }
    }
  }

  private func drop() {
    if let canvas { end(canvas) }
    paper = nil
    own = nil
    link.board.clear()
    shown = nil
    message = nil
  }

  /// Presents on a canvas from now on.
  private func begin(_ canvas: any Canvas) {
    director.gainedSurface()
    record.begins(canvas)
  }

  private func end(_ canvas: any Canvas) {
    record.ends(canvas)
    director.lostSurface()
    isCutOff = false
  }

  /// An overlay's place is in the widget, and a canvas of its own has a part of that.
  private func showOverlay() {
    paper?.show(overlay)
    own?.show(
      overlay.flatMap { overlay in
        var area = overlay.area
        area.x -= geometry.part.x
        area.y -= geometry.part.y
        return Overlay(area: area, pixels: overlay.pixels)
      })
  }

  // MARK: The widget's place

  private func follow(_ place: RenderLink.Place, withGTK: Bool) {
    let before = geometry
    geometry = place.geometry
    painter = place.painter
    if painter == .canvas {
      giveToCanvas(withGTK: withGTK)
    } else {
      giveToGTK()
    }
    if overlay != nil, geometry != before { showOverlay() }
  }

  private func giveToGTK() {
    if paper == nil {
      if let own {
        own.hideWithGTK()
        end(own)
      }
      let canvas = CairoCanvas(link)
      canvas.reader = own
      canvas.show(overlay)
      paper = canvas
      begin(canvas)
    }
    showNow()
  }

  private func giveToCanvas(withGTK: Bool) {
    if let paper {
      end(paper)
      self.paper = nil
      link.board.clear()
      if let own { begin(own) }
    }
    guard let own else { return }
    if isCutOff != !geometry.isVisible { director.covered(!geometry.isVisible) }
    isCutOff = !geometry.isVisible
    if isCutOff {
      if withGTK { own.hideWithGTK() } else { own.hide() }
      return
    }
    if own.place(geometry, withGTK: withGTK) {
      showNow()
    } else {
      // Mesa's software renderer on X11 learns a window's new size only by showing a frame.
      director.isStale(frames: 2)
    }
  }

  /// Presents the guest's present picture without waiting for a turn.
  private func showNow() {
    director.isStale()
    take(FrameSchedule.Turn(wake: .now, aim: nil))
  }

  private func copy() {
    guard case .frame(let frame) = source.poll() else { return }
    // A picture that cannot be copied is left out there.
    _ = try? link.board.update(pointer.exchange(frame).frame, placement(of: frame), own)
    // That poll took what a source that tells had told, and did not show it.
    director.told()
  }

  private func placement(of frame: Frame) -> Placement {
    Placement(
      guest: frame.primary.size, area: geometry.pixels, mode: scaling, slack: geometry.scale.slack)
  }

  /// The guest's present picture, without a pointer that the guest has on a plane of its own. The
  /// CPU copies it, or the GPU when the CPU cannot read it.
  private func picture() -> Result<Picture, ScreenshotError> {
    let frame: Frame
    switch source.poll() {
    case .frame(let shown): frame = shown
    case .noPicture(let reason): return .failure(.noPicture("\(reason)"))
    }
    do {
      let canvas = canvas
      return .success(
        try Picture(of: frame) { (frame) throws(GraphicsError) in try canvas?.pixels(of: frame) })
    } catch {
      return .failure(.noPicture("\(source.name): \(error)"))
    }
  }

  // MARK: Looking

  private func take(_ turn: FrameSchedule.Turn) {
    guard let canvas else { return }
    let start = MonotonicInstant.now
    director.took(turn, now: start, lastInput: link.lastInput)
    let state = source.poll()
    record.queried(start, source.counters)
    switch state {
    case .frame(let frame): see(frame, turn, on: canvas)
    case .noPicture(let reason):
      say(ViewMessage(reason), on: canvas)
    }
  }

  /// The guest has ended, perhaps while its picture is hidden: the canvas drops the guest's buffers.
  private func sourceLetGo() {
    guard case .noPicture(let reason) = source.poll() else { return }
    let message = ViewMessage(reason)
    if let canvas { return say(message, on: canvas) }
    link.tell { news in
      news.picture = nil
      news.message = message
    }
  }

  private func see(_ whole: Frame, _ turn: FrameSchedule.Turn, on canvas: any Canvas) {
    let (frame, pointer) = pointer.exchange(whole)
    let sight = FrameDirector.Sight(frame)
    var decision = director.saw(sight, in: turn)
    if case .compare(let isWhole) = decision {
      let start = MonotonicInstant.now
      decision = director.compared(
        hasChanged: canvas.hasChanged(frame, isWhole ? .whole : .sample))
      record.compared(start, by: canvas)
    }
    guard case .show(let isFlip) = decision else {
      // Another look of the pointer is no other picture.
      if var shown, pointer != .drawn, shown.pointer != .drawn {
        shown.pointer = pointer
        tell(shown)
      }
      return
    }
    if isFlip { record.newFrame(frame) }
    show(frame, pointer, sight, on: canvas)
  }

  private func show(
    _ frame: Frame, _ pointer: GuestPointer, _ sight: FrameDirector.Sight, on canvas: any Canvas
  ) {
    number += 1
    let begin = MonotonicInstant.now
    let placement = placement(of: frame)
    // Taken even when it is not used: the next one counts from this frame.
    let damage = source.takeDamage()
    do throws(GraphicsError) {
      try canvas.present(
        frame, at: paper == nil ? placement.inPart(geometry.part) : placement, number: number,
        damage: director.isSurfaceStale ? nil : damage)
    } catch {
      // What was taken is not shown yet.
      director.isStale()
      failed(error, on: canvas)
      return
    }
    let end = MonotonicInstant.now
    director.handedOver(number, sight, asksForFrames: canvas.asksForFrames, at: end)
    record.committed(number, drawnFrom: begin, at: end, by: canvas)
    link.hasPresented()
    tell(RenderLink.Shown(placement: placement, pointer: pointer))
    if isFinished { link.tell { $0.isFinished = true } }
  }

  private func failed(_ error: GraphicsError, on canvas: any Canvas) {
    if error.kind == .cannotShow {
      // The view's own surface, which comes soon, can perhaps show it.
      if painter == .gtk { return }
      say(ViewMessage(text: "\(error)", isFinal: false), on: canvas)
      return
    }
    // GTK's thread chooses the next canvas; until then nothing is drawn.
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
    director.saysMessage()
    guard message != self.message else { return }
    if self.message == nil { canvas.hide() }
    shown = nil
    self.message = message
    link.tell { news in
      news.picture = nil
      news.message = message
    }
  }
}

extension ViewMessage {
  fileprivate init(_ reason: NoPicture) {
    self.init(text: "\(reason)", isFinal: !reason.isTransient)
  }
}

extension FrameDirector.Sight {
  fileprivate init(_ frame: Frame) {
    self.init(
      flip: frame.flip, buffer: frame.primary.id, revision: frame.revision,
      cursor: frame.cursor?.buffer.id, x: frame.cursor?.x ?? 0, y: frame.cursor?.y ?? 0)
  }
}
