// SPDX-License-Identifier: Apache-2.0

import CWayland
import CWaylandProtocols
import DMABuf
import EGLPresenter
import VGPUDisplay

/// Shows a guest's own buffers: hands them to the compositor, on a surface above the canvas's
/// surface. The render thread owns it.
///
/// The canvas draws the area around the picture, so a buffer is handed over only after the canvas
/// has drawn a frame with the same place.
final class Handover {
  private let handles: HandoverHandles
  private let canvas: WaylandHandles
  private let buffers: CompositorBuffers
  private let isSoftware: Bool
  private let importsDMABufs: Bool
  /// The place for which the canvas was drawn, with nothing beside the picture.
  private var beneath: Placement?
  private var scale = SurfaceScale(whole: 1)
  /// The surface's last requested place.
  private var place: HandoverPlace?
  /// The attached and committed buffer.
  private var shown: OpaquePointer?
  /// Whether the attached buffer is the first one.
  private var appears = false

  init(_ handles: HandoverHandles, on canvas: WaylandHandles, _ capabilities: Capabilities) {
    self.handles = handles
    self.canvas = canvas
    buffers = CompositorBuffers(handles)
    isSoftware = capabilities.isSoftware
    importsDMABufs = capabilities.importsDMABufs
  }

  var surface: OpaquePointer { handles.surface }

  /// Buffers that the compositor has taken so far.
  var taken: Int { buffers.taken }

  /// Whether the compositor has accepted or refused a buffer since the last call.
  func takeNews() -> Bool {
    defer { buffers.hasNews = false }
    return buffers.hasNews
  }

  /// Device pixels of a surface's unit, from the canvas's next frame on.
  func scales(by scale: SurfaceScale) {
    guard scale != self.scale else { return }
    self.scale = scale
    beneath = nil
  }

  /// Attaches a picture for the next commit.
  ///
  /// - Returns: why the picture cannot be attached; then the caller draws it.
  func attach(
    _ buffer: PlaneBuffer, _ placement: Placement, _ damage: Damage?
  ) -> HandoverObstacle? {
    guard
      let place = HandoverPlace(
        placement, of: PicturePart(buffer), scale: scale, canScale: handles.viewport != nil)
    else { return .scaling }
    // A buffer that a CPU cannot map crashes a software renderer, and the compositor's renderer is
    // most likely the same as ours.
    guard buffer.isMemoryFile || !isSoftware || (importsDMABufs && buffer.isMappable) else {
      return .unreadable
    }
    let made: OpaquePointer
    switch buffers.outcome(of: buffer) {
    case .obstacle(let obstacle): return obstacle
    case .asked: return .notYet
    case .made(let known): made = known
    }
    guard beneath == placement else { return .unplaced }
    if place != self.place { apply(place) }
    appears = shown == nil
    if appears { wl_subsurface_set_desync(handles.subsurface) }
    wl_surface_attach(handles.surface, made, 0, 0)
    tell(damage, of: buffer)
    shown = made
    return nil
  }

  /// Tells the compositor the pixels that differ from the shown ones.
  private func tell(_ damage: Damage?, of buffer: PlaneBuffer) {
    guard let damage, !appears,
      wl_proxy_get_version(handles.surface) >= WL_SURFACE_DAMAGE_BUFFER_SINCE_VERSION
    else {
      // The whole surface, in any units.
      wl_surface_damage(handles.surface, 0, 0, .max, .max)
      return
    }
    for index in 0..<damage.count {
      let area = buffer.imageRectangle(of: damage[index])
      wl_surface_damage_buffer(
        handles.surface, Int32(clamping: area.x), Int32(clamping: area.y),
        Int32(clamping: area.width), Int32(clamping: area.height))
    }
  }

  /// Commits the attached buffer.
  func commit() {
    wl_surface_commit(handles.surface)
    // weston does not compose a subsurface that appears, until a surface on the screen is
    // committed.
    if appears { wl_surface_commit(canvas.surface) }
    appears = false
    // The previous buffer is no longer shown.
    buffers.sweep(but: shown)
    wl_display_flush(canvas.display)
  }

  /// The change takes effect with the next buffer, which has this size.
  private func apply(_ place: HandoverPlace) {
    if let viewport = handles.viewport {
      let whole = PixelRectangle(x: -256, y: -256, width: -256, height: -256)
      let source = place.source ?? whole
      wp_viewport_set_source(
        viewport, Int32(source.x), Int32(source.y), Int32(source.width), Int32(source.height))
      wp_viewport_set_destination(viewport, Int32(place.area.width), Int32(place.area.height))
    }
    if place.isUpsideDown != (self.place?.isUpsideDown ?? false) {
      wl_surface_set_buffer_transform(
        handles.surface,
        Int32(
          place.isUpsideDown
            ? WL_OUTPUT_TRANSFORM_FLIPPED_180.rawValue : WL_OUTPUT_TRANSFORM_NORMAL.rawValue))
    }
    if let all = wl_compositor_create_region(canvas.compositor) {
      wl_region_add(all, 0, 0, Int32(place.area.width), Int32(place.area.height))
      wl_surface_set_opaque_region(handles.surface, all)
      wl_region_destroy(all)
    }
    self.place = place
  }

  /// Tells that the canvas is about to commit a drawn frame. The surface disappears with the same
  /// commit, so that neither shows alone.
  ///
  /// - Parameter isBare: whether nothing was drawn beside the picture.
  func yield(to placement: Placement, isBare: Bool) {
    if shown != nil {
      wl_subsurface_set_sync(handles.subsurface)
      wl_surface_attach(handles.surface, nil, 0, 0)
      wl_surface_commit(handles.surface)
    }
    buffers.sweep(but: shown)
    shown = nil
    beneath = isBare ? placement : nil
    // A place does not depend on the picture's part of its image.
    if let area = HandoverPlace.area(of: placement, scale: scale) {
      wl_subsurface_set_position(handles.subsurface, Int32(area.x), Int32(area.y))
    }
  }

  /// Uncovers the canvas. The canvas's own commit follows.
  func hide() {
    if shown != nil {
      wl_surface_attach(handles.surface, nil, 0, 0)
      wl_surface_commit(handles.surface)
    }
    shown = nil
    beneath = nil
    buffers.sweep(but: nil)
  }

  /// Releases everything.
  func close() {
    hide()
    buffers.close(canvas)
  }
}

/// The Wayland objects that hand a guest's buffers to the compositor: a subsurface of the canvas's
/// surface, which covers the picture and leaves the rest of the canvas visible.
struct HandoverHandles: @unchecked Sendable {
  // Sendable for the same reasons as WaylandHandles.

  /// `wl_surface`.
  let surface: OpaquePointer
  /// `wl_subsurface`; its position takes effect with the canvas's commits.
  let subsurface: OpaquePointer
  /// `wp_viewport`; `nil` when the compositor has none.
  let viewport: OpaquePointer?
  /// `zwp_linux_dmabuf_v1`; the objects made from it have their events on the canvas's queue.
  let dmabuf: OpaquePointer
  /// `wl_shm`, in the same way; `nil` when the compositor has none.
  let sharedMemory: OpaquePointer?
  /// The buffers that the compositor takes.
  let formats: CompositorFormats
}

/// The owner of `HandoverHandles`.
@MainActor
final class HandoverObjects {
  let handles: HandoverHandles
  private let subsurface: WaylandObject
  private let viewport: WaylandObject?
  private let dmabuf: WaylandObject
  private let sharedMemory: WaylandObject?

  /// Makes the objects above a surface; they become visible with the first buffer. `nil` when the
  /// compositor takes no dma-bufs. Such a compositor gets no memory files either: weston 10 with its
  /// pixman renderer shows none in full screen.
  init?(
    _ globals: WaylandGlobals, above parent: WaylandObject, queue: WaylandObject,
    makeSurface: () -> WaylandObject?
  ) {
    guard let subcompositor = globals.subcompositor, let global = globals.dmabuf,
      !globals.formats.isEmpty,
      let dmabuf = WaylandObject.wrapper(of: global.pointer, on: [global], queue: queue),
      let surface = makeSurface(),
      let subsurface = WaylandObject(
        wl_subcompositor_get_subsurface(subcompositor.pointer, surface.pointer, parent.pointer),
        on: [surface, parent], destroy: wl_subsurface_destroy)
    else { return nil }
    self.dmabuf = dmabuf
    sharedMemory = globals.sharedMemory.flatMap {
      WaylandObject.wrapper(of: $0.pointer, on: [$0], queue: queue)
    }
    self.subsurface = subsurface
    viewport = globals.viewport(of: surface)
    handles = HandoverHandles(
      surface: surface.pointer, subsurface: subsurface.pointer, viewport: viewport?.pointer,
      dmabuf: dmabuf.pointer, sharedMemory: sharedMemory?.pointer, formats: globals.formats)
  }
}
