// SPDX-License-Identifier: Apache-2.0

import CWayland
import CWaylandProtocols
import EGLPresenter
import FramePacing
import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// The render thread's part of a `wl_subsurface`. The compositor asks for each frame of this very
/// surface (wl_surface.frame) and tells when it was shown (wp_presentation).
final class WaylandCanvas: EGLCanvas {
  let painter: EGLPainter
  let asksForFrames = true
  let feedback: FeedbackSource
  let descriptor: Int32
  var events: [CanvasEvent] = []
  private let handles: WaylandHandles
  /// Called when the compositor tells the scale of the screen that shows the surface.
  private let onScale: (SurfaceScale) -> Void
  private var callback: OpaquePointer?
  /// The owner of `callback`.
  private var asked: OpaquePointer?
  private var awaited: [Awaited] = []
  private var geometry: SurfaceGeometry
  private var commits = Commits.alone
  private let handover: Handover?
  private let handsOver: Bool
  private var isHandedOver = false
  private(set) var handovers = HandoverCounters()
  private(set) var handoverObstacle: HandoverObstacle?

  /// A frame that waits for its `wp_presentation_feedback`.
  private struct Awaited {
    let feedback: OpaquePointer
    let number: UInt64
  }

  /// When the surface's commits take effect.
  private enum Commits {
    /// At once.
    case alone
    /// The next frame with the next commit of GTK's surface, later frames at once.
    case nextWithGTK
    /// The last frame with the next commit of GTK's surface, later frames at once.
    case lastWithGTK
  }

  /// The most frames that wait, for a compositor that gives no feedback.
  private static let mostAwaited = 32

  init(
    _ handles: WaylandHandles, _ geometry: SurfaceGeometry, alwaysUploads: Bool, handsOver: Bool,
    onScale: @escaping (SurfaceScale) -> Void
  ) throws(GraphicsError) {
    self.handles = handles
    self.onScale = onScale
    self.geometry = geometry
    descriptor = wl_display_get_fd(handles.display)
    feedback = handles.presentation == nil ? .frameCallback : .presentation
    painter = try EGLPainter(
      .wayland(display: UnsafeMutableRawPointer(handles.display)),
      window: UnsafeMutableRawPointer(handles.window), size: geometry.partSize,
      alwaysUploads: alwaysUploads, swapInterval: 0)
    self.handsOver = handsOver
    let capabilities = painter.renderer.context.capabilities
    handover = handles.handover.map { Handover($0, on: handles, capabilities) }
    awaited.reserveCapacity(Self.mostAwaited)
    // A surface of another size than its buffer needs a viewport.
    if let scale = handles.fractionalScale, handles.viewport != nil {
      wp_fractional_scale_v1_add_listener(
        scale, Self.scaleListener, Unmanaged.borrowed(self))
    }
    apply()
  }

  deinit {
    forget()
    handover?.close()
  }

  var path: PresentationPath? { isHandedOver ? .direct : painter.renderer.path }

  func prepare() {
    // There was no picture to present together with GTK.
    if commits == .nextWithGTK {
      wl_subsurface_set_desync(handles.subsurface)
      commits = .alone
    }
    while wl_display_prepare_read_queue(handles.display, handles.queue) != 0 {
      guard wl_display_dispatch_queue_pending(handles.display, handles.queue) >= 0 else { return }
    }
    wl_display_flush(handles.display)
  }

  func read(isReadable: Bool) {
    if isReadable {
      // This call waits for GDK, which sleeps on the same descriptor and reads too.
      wl_display_read_events(handles.display)
    } else {
      wl_display_cancel_read(handles.display)
    }
    wl_display_dispatch_queue_pending(handles.display, handles.queue)
    if let handover, handover.takeNews() {
      handovers.buffers = handover.taken
      if handoverObstacle == .notYet { events.append(.stale) }
    }
  }

  func place(_ geometry: SurfaceGeometry, withGTK: Bool) -> Bool {
    if withGTK { joinGTK() }
    guard geometry != self.geometry else { return withGTK }
    self.geometry = geometry
    let pixels = geometry.partSize
    if pixels != painter.window.size {
      wl_egl_window_resize(handles.window, Int32(pixels.width), Int32(pixels.height), 0, 0)
      painter.window.size = pixels
    }
    apply()
    return withGTK
  }

  private func joinGTK() {
    if commits == .alone { wl_subsurface_set_sync(handles.subsurface) }
    commits = .nextWithGTK
  }

  /// Call it before a commit.
  private func willCommit() {
    switch commits {
    case .alone: break
    case .nextWithGTK: commits = .lastWithGTK
    case .lastWithGTK:
      wl_subsurface_set_desync(handles.subsurface)
      commits = .alone
    }
  }

  /// The change takes effect with the next frame, which has this size.
  private func apply() {
    if let viewport = handles.viewport {
      let visible = geometry.visible
      let isWhole = geometry.scale.whole != nil
      wp_viewport_set_destination(
        viewport, isWhole ? -1 : Int32(clamping: max(1, visible.width)),
        isWhole ? -1 : Int32(clamping: max(1, visible.height)))
    }
    wl_surface_set_buffer_scale(handles.surface, Int32(geometry.scale.whole ?? 1))
    handover?.scales(by: geometry.scale)
    if let all = wl_compositor_create_region(handles.compositor) {
      let visible = geometry.visible
      wl_region_add(all, 0, 0, Int32(visible.width), Int32(visible.height))
      wl_surface_set_opaque_region(handles.surface, all)
      wl_region_destroy(all)
    }
  }

  func present(
    _ frame: Frame, at placement: Placement, number: UInt64, damage: Damage?
  ) throws(GraphicsError) {
    willCommit()
    handoverObstacle = handOver(frame, placement, damage)
    if handoverObstacle == nil, let handover {
      ask(of: handover.surface, number)
      handover.commit()
      isHandedOver = true
      handovers.frames += 1
      return
    }
    // The damage counts from the last frame, which the canvas may not have drawn.
    try painter.renderer.draw(
      frame, at: placement, on: painter.window, damage: isHandedOver ? nil : damage)
    let isBare = painter.renderer.overlay == nil
    handover?.yield(to: placement, isBare: isBare)
    isHandedOver = false
    ask(of: handles.surface, number)
    try painter.window.swap()
    // The buffer can be handed over now, because the area around it has been drawn.
    if handoverObstacle == .unplaced, isBare { events.append(.stale) }
  }

  /// Attaches the guest's own buffer, or returns why not.
  private func handOver(
    _ frame: Frame, _ placement: Placement, _ damage: Damage?
  ) -> HandoverObstacle? {
    guard let handover else { return handsOver ? .noProtocol : .unwanted }
    if frame.cursor != nil { return .pointer }
    if painter.renderer.overlay != nil { return .overlay }
    return handover.attach(frame.primary, placement, damage)
  }

  /// Requests the compositor's call for the next frame and its feedback on this frame. Call it
  /// before the commit that they belong to.
  private func ask(of surface: OpaquePointer, _ number: UInt64) {
    // A surface that is covered or gone by now does not need another request.
    if let callback, asked != surface {
      wl_callback_destroy(callback)
      self.callback = nil
    }
    if callback == nil, let callback = wl_surface_frame(surface) {
      self.callback = callback
      asked = surface
      wl_callback_add_listener(callback, Self.callbackListener, Unmanaged.borrowed(self))
    }
    if let presentation = handles.presentation, awaited.count < Self.mostAwaited,
      let feedback = wp_presentation_feedback(presentation, surface)
    {
      awaited.append(Awaited(feedback: feedback, number: number))
      wp_presentation_feedback_add_listener(
        feedback, Self.feedbackListener, Unmanaged.borrowed(self))
    }
  }

  func hideWithGTK() {
    joinGTK()
    hide()
  }

  func hide() {
    willCommit()
    handover?.hide()
    painter.renderer.releaseGoneBuffers()
    forget()
    wl_surface_attach(handles.surface, nil, 0, 0)
    wl_surface_commit(handles.surface)
    wl_display_flush(handles.display)
  }

  private func forget() {
    if let callback { wl_callback_destroy(callback) }
    callback = nil
    for entry in awaited { wp_presentation_feedback_destroy(entry.feedback) }
    awaited.removeAll(keepingCapacity: true)
  }

  private func prefers(_ scale: UInt32) {
    if let scale = SurfaceScale(hundredTwentieths: scale) { onScale(scale) }
  }

  private func isReady() {
    if let callback { wl_callback_destroy(callback) }
    callback = nil
    events.append(.ready)
  }

  /// The frame of an object's last event; destroys the object.
  private func take(_ feedback: OpaquePointer?) -> UInt64? {
    guard let index = awaited.firstIndex(where: { $0.feedback == feedback }) else { return nil }
    let entry = awaited.remove(at: index)
    wp_presentation_feedback_destroy(entry.feedback)
    return entry.number
  }

  private func presented(
    _ feedback: OpaquePointer?, seconds: UInt64, nanoseconds: UInt32, interval: UInt32,
    sequence: UInt64
  ) {
    guard let number = take(feedback) else { return }
    var time = MonotonicInstant.now
    if handles.isMonotonic {
      // A time beyond the clock's end is ignored later, like any time that is not near.
      let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
      let (sum, overflowsToo) = whole.addingReportingOverflow(UInt64(nanoseconds))
      time = MonotonicInstant(nanoseconds: overflows || overflowsToo ? .max : sum)
    }
    events.append(
      .presented(
        number,
        PresentationFeedback(
          time: time, interval: Int(interval), sequence: sequence == 0 ? nil : sequence)))
  }

  private func discarded(_ feedback: OpaquePointer?) {
    if let number = take(feedback) { events.append(.discarded(number)) }
  }

  private static func canvas(_ data: UnsafeMutableRawPointer?) -> WaylandCanvas? {
    data.map { Unmanaged<WaylandCanvas>.fromOpaque($0).takeUnretainedValue() }
  }

  /// It is never moved and never freed, because libwayland keeps its address. `unsafe` is right,
  /// because nobody writes to it.
  nonisolated(unsafe) private static let callbackListener = {
    let listener = UnsafeMutablePointer<wl_callback_listener>.allocate(capacity: 1)
    listener.initialize(to: wl_callback_listener { data, _, _ in canvas(data)?.isReady() })
    return listener
  }()

  /// As `callbackListener`.
  nonisolated(unsafe) private static let feedbackListener = {
    let listener = UnsafeMutablePointer<wp_presentation_feedback_listener>.allocate(capacity: 1)
    listener.initialize(
      to: wp_presentation_feedback_listener(
        sync_output: { _, _, _ in },
        presented: { data, feedback, high, low, nanoseconds, interval, top, bottom, _ in
          canvas(data)?.presented(
            feedback, seconds: UInt64(high) << 32 | UInt64(low), nanoseconds: nanoseconds,
            interval: interval, sequence: UInt64(top) << 32 | UInt64(bottom))
        },
        discarded: { data, feedback in canvas(data)?.discarded(feedback) }))
    return listener
  }()
}

extension WaylandCanvas {
  /// As `callbackListener`.
  nonisolated(unsafe) fileprivate static let scaleListener = {
    let listener = UnsafeMutablePointer<wp_fractional_scale_v1_listener>.allocate(capacity: 1)
    listener.initialize(
      to: wp_fractional_scale_v1_listener { data, _, scale in canvas(data)?.prefers(scale) })
    return listener
  }()
}

/// Makes the canvas of a Wayland surface.
struct WaylandCanvasMaker: CanvasMaker {
  let handles: WaylandHandles
  let geometry: SurfaceGeometry
  let alwaysUploads: Bool
  let handsOver: Bool

  func make(_ link: RenderLink) throws(GraphicsError) -> any Canvas {
    try WaylandCanvas(
      handles, geometry, alwaysUploads: alwaysUploads, handsOver: handsOver,
      onScale: { [weak link] scale in link?.tell { $0.scale = scale } })
  }
}
