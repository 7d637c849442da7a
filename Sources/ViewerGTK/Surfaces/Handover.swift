// SPDX-License-Identifier: Apache-2.0

import CWayland
import CWaylandProtocols
import DMABuf
import EGLPresenter
import VGPUDisplay

/// Shows a guest's own buffers: hands them to the compositor, on a surface over the canvas's. The
/// render thread's.
///
/// What lies around the picture is the canvas's, so a buffer is only handed over where the canvas has
/// drawn a frame of the same place before.
final class Handover {
  private let handles: HandoverHandles
  private let canvas: WaylandHandles
  private let buffers: CompositorBuffers
  private let isSoftware: Bool
  private let importsDMABufs: Bool
  /// What the canvas was drawn for, with nothing of it beside the picture.
  private var beneath: Placement?
  private var scale = 1
  /// Where the surface was told to be.
  private var place: HandoverPlace?
  /// Attached and committed.
  private var shown: OpaquePointer?
  /// Nothing was shown before what is attached.
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

  /// Whether the compositor has taken or refused a buffer since the last call.
  func takeNews() -> Bool {
    defer { buffers.hasNews = false }
    return buffers.hasNews
  }

  /// Device pixels of a surface's unit, from the canvas's next frame on.
  func scales(by scale: Int) {
    guard scale != self.scale else { return }
    self.scale = scale
    beneath = nil
  }

  /// Attaches a picture, to be committed.
  ///
  /// - Returns: why it cannot be; then it is to be drawn.
  func attach(
    _ buffer: PlaneBuffer, _ placement: Placement, _ damage: Damage?
  ) -> HandoverObstacle? {
    guard
      let place = HandoverPlace(placement, scale: scale, canScale: handles.viewport != nil)
    else { return .scaling }
    // What a CPU cannot map makes it crash, and the compositor's renderer is most likely ours.
    guard !isSoftware || (importsDMABufs && buffer.isMappable) else { return .unreadable }
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
    tell(damage)
    shown = made
    return nil
  }

  /// Says which pixels differ from those that the surface shows.
  private func tell(_ damage: Damage?) {
    guard let damage, !appears,
      wl_proxy_get_version(handles.surface) >= WL_SURFACE_DAMAGE_BUFFER_SINCE_VERSION
    else {
      // In whatever units: all of it.
      wl_surface_damage(handles.surface, 0, 0, .max, .max)
      return
    }
    for index in 0..<damage.count {
      let area = damage[index]
      wl_surface_damage_buffer(
        handles.surface, Int32(clamping: area.x), Int32(clamping: area.y),
        Int32(clamping: area.width), Int32(clamping: area.height))
    }
  }

  /// Commits what was attached.
  func commit() {
    wl_surface_commit(handles.surface)
    // weston composes nothing for a subsurface that appears, until one that is on the screen is
    // committed.
    if appears { wl_surface_commit(canvas.surface) }
    appears = false
    // The one before is not shown any more.
    buffers.sweep(but: shown)
    wl_display_flush(canvas.display)
  }

  /// Takes effect with the next buffer, which is of this size.
  private func apply(_ place: HandoverPlace) {
    if let viewport = handles.viewport {
      let whole = PixelRectangle(x: -256, y: -256, width: -256, height: -256)
      let source = place.source ?? whole
      wp_viewport_set_source(
        viewport, Int32(source.x), Int32(source.y), Int32(source.width), Int32(source.height))
      wp_viewport_set_destination(viewport, Int32(place.area.width), Int32(place.area.height))
    }
    if let all = wl_compositor_create_region(canvas.compositor) {
      wl_region_add(all, 0, 0, Int32(place.area.width), Int32(place.area.height))
      wl_surface_set_opaque_region(handles.surface, all)
      wl_region_destroy(all)
    }
    self.place = place
  }

  /// The canvas is about to commit a frame that it has drawn: the surface goes with that very commit,
  /// so that neither shows alone.
  ///
  /// - Parameter isBare: nothing was drawn beside the picture.
  func yield(to placement: Placement, isBare: Bool) {
    if shown != nil {
      wl_subsurface_set_sync(handles.subsurface)
      wl_surface_attach(handles.surface, nil, 0, 0)
      wl_surface_commit(handles.surface)
    }
    buffers.sweep(but: shown)
    shown = nil
    beneath = isBare ? placement : nil
    if let place = HandoverPlace(placement, scale: scale, canScale: handles.viewport != nil) {
      wl_subsurface_set_position(
        handles.subsurface, Int32(place.area.x), Int32(place.area.y))
    }
  }

  /// Uncovers the canvas, whose own commit follows.
  func hide() {
    if shown != nil {
      wl_surface_attach(handles.surface, nil, 0, 0)
      wl_surface_commit(handles.surface)
    }
    shown = nil
    beneath = nil
    buffers.sweep(but: nil)
  }

  /// Lets go of everything.
  func close() {
    hide()
    buffers.close(canvas)
  }
}

/// What a guest's buffers are handed to the compositor with: a subsurface of the canvas's surface,
/// which covers the picture and leaves the rest of the canvas to be seen.
struct HandoverHandles: @unchecked Sendable {
  // Sendable: as WaylandHandles.

  /// `wl_surface`.
  let surface: OpaquePointer
  /// `wl_subsurface`; its position takes effect with the canvas's commits.
  let subsurface: OpaquePointer
  /// `wp_viewport`; `nil` where the compositor has none.
  let viewport: OpaquePointer?
  /// `zwp_linux_dmabuf_v1`, of which what is made has its events on the canvas's queue.
  let dmabuf: OpaquePointer
  /// What the compositor takes.
  let formats: CompositorFormats
}

/// The owner of `HandoverHandles`.
@MainActor
final class HandoverObjects {
  let handles: HandoverHandles
  private let subsurface: WaylandObject
  private let viewport: WaylandObject?
  private let dmabuf: WaylandObject

  /// Makes them above a surface, to be seen with the first buffer. `nil` where the compositor takes
  /// no buffers.
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
    self.subsurface = subsurface
    viewport = globals.viewporter.flatMap {
      WaylandObject(
        wp_viewporter_get_viewport($0.pointer, surface.pointer), on: [surface],
        destroy: wp_viewport_destroy)
    }
    handles = HandoverHandles(
      surface: surface.pointer, subsurface: subsurface.pointer, viewport: viewport?.pointer,
      dmabuf: dmabuf.pointer, formats: globals.formats)
  }
}
