// SPDX-License-Identifier: Apache-2.0

import CWayland
import CWaylandProtocols

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

  /// Makes them above a surface, to be seen with the first buffer. `nil` where the compositor takes
  /// no buffers.
  @MainActor
  init?(
    _ globals: WaylandGlobals, above parent: OpaquePointer, queue: OpaquePointer,
    makeSurface: () -> OpaquePointer?
  ) {
    guard let subcompositor = globals.subcompositor, let global = globals.dmabuf,
      !globals.formats.isEmpty
    else { return nil }
    guard let dmabuf = vgpu_wl_wrap(global) else { return nil }
    vgpu_wl_set_queue(dmabuf, queue)
    guard let surface = makeSurface() else {
      vgpu_wl_release_wrapper(dmabuf)
      return nil
    }
    guard let subsurface = wl_subcompositor_get_subsurface(subcompositor, surface, parent) else {
      wl_surface_destroy(surface)
      vgpu_wl_release_wrapper(dmabuf)
      return nil
    }
    self.dmabuf = dmabuf
    self.surface = surface
    self.subsurface = subsurface
    viewport = globals.viewporter.flatMap { wp_viewporter_get_viewport($0, surface) }
    formats = globals.formats
  }

  func dispose() {
    if let viewport { wp_viewport_destroy(viewport) }
    wl_subsurface_destroy(subsurface)
    wl_surface_destroy(surface)
    vgpu_wl_release_wrapper(dmabuf)
  }
}
