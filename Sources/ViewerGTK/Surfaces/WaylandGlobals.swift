// SPDX-License-Identifier: Apache-2.0

import CWayland
import CWaylandProtocols
import DMABuf

/// The compositor's globals that GDK does not hand out. They are found on an event queue of their
/// own, because GDK's queue must not be disturbed. A global that the compositor lacks is `nil`.
@MainActor
final class WaylandGlobals {
  /// `wl_compositor`, version 4.
  private(set) var compositor: WaylandObject?
  /// `wl_subcompositor`.
  private(set) var subcompositor: WaylandObject?
  /// `wp_presentation`.
  private(set) var presentation: WaylandObject?
  /// The clock of its timestamps, by its number in clock_gettime(2).
  private(set) var presentationClock: UInt32?
  /// `wp_viewporter`.
  private(set) var viewporter: WaylandObject?
  /// `wp_fractional_scale_manager_v1`.
  private(set) var fractionalScales: WaylandObject?
  /// `zwp_linux_dmabuf_v1`, version 3.
  private(set) var dmabuf: WaylandObject?
  /// `wl_shm`.
  private(set) var sharedMemory: WaylandObject?
  /// The buffers that `dmabuf` takes.
  private(set) var formats = CompositorFormats()
  private var constraints: WaylandObject?
  private var motions: WaylandObject?
  private var idleInhibit: WaylandObject?
  private let registry: WaylandObject

  /// `zwp_pointer_constraints_v1`.
  var pointerConstraints: OpaquePointer? { constraints?.pointer }
  /// `zwp_relative_pointer_manager_v1`.
  var relativePointers: OpaquePointer? { motions?.pointer }

  /// Makes a surface's `wp_viewport`, which must go before the surface; `nil` when the compositor has none.
  func viewport(of surface: WaylandObject) -> WaylandObject? {
    viewporter.flatMap {
      WaylandObject(
        wp_viewporter_get_viewport($0.pointer, surface.pointer), on: [surface],
        destroy: wp_viewport_destroy)
    }
  }

  /// Makes an object that keeps the host awake while a surface is to be seen (`zwp_idle_inhibitor_v1`); `nil`
  /// when the compositor has none.
  func idleInhibitor(of surface: OpaquePointer) -> WaylandObject? {
    guard let idleInhibit else { return nil }
    return WaylandObject(
      zwp_idle_inhibit_manager_v1_create_inhibitor(idleInhibit.pointer, surface),
      on: [idleInhibit], destroy: zwp_idle_inhibitor_v1_destroy)
  }

  /// `nil` when the connection is lost.
  init?(_ display: OpaquePointer) {
    guard
      let queue = WaylandObject(
        wl_display_create_queue(display), on: [], destroy: wl_event_queue_destroy),
      let wrapper = WaylandObject.wrapper(of: display, queue: queue),
      let registry = WaylandObject(
        wl_display_get_registry(wrapper.pointer), on: [queue], destroy: wl_registry_destroy)
    else { return nil }
    self.registry = registry
    wl_registry_add_listener(registry.pointer, Self.listener, Unmanaged.borrowed(self))
    wl_display_roundtrip_queue(display, queue.pointer)
    // The events that these globals send when they are bound.
    if let presentation {
      wp_presentation_add_listener(
        presentation.pointer, Self.presentationListener, Unmanaged.borrowed(self))
    }
    if let dmabuf {
      zwp_linux_dmabuf_v1_add_listener(
        dmabuf.pointer, Self.dmabufListener, Unmanaged.borrowed(self))
    }
    if presentation != nil || dmabuf != nil { wl_display_roundtrip_queue(display, queue.pointer) }
  }

  private func announced(
    _ registry: OpaquePointer?, _ name: UInt32, _ interface: UnsafePointer<CChar>?,
    _ version: UInt32
  ) {
    if let bound = vgpu_wl_bind_subcompositor(registry, name, interface) {
      subcompositor = object(bound, wl_subcompositor_destroy)
    } else if let bound = vgpu_wl_bind_pointer_constraints(registry, name, interface) {
      constraints = object(bound, zwp_pointer_constraints_v1_destroy)
    } else if let bound = vgpu_wl_bind_relative_pointers(registry, name, interface) {
      motions = object(bound, zwp_relative_pointer_manager_v1_destroy)
    } else if let bound = vgpu_wl_bind_idle_inhibit(registry, name, interface) {
      idleInhibit = object(bound, zwp_idle_inhibit_manager_v1_destroy)
    } else if let bound = vgpu_wl_bind_presentation(registry, name, interface) {
      presentation = object(bound, wp_presentation_destroy)
    } else if let bound = vgpu_wl_bind_viewporter(registry, name, interface) {
      viewporter = object(bound, wp_viewporter_destroy)
    } else if let bound = vgpu_wl_bind_fractional_scales(registry, name, interface) {
      fractionalScales = object(bound, wp_fractional_scale_manager_v1_destroy)
    } else if let bound = vgpu_wl_bind_compositor(registry, name, interface, version) {
      compositor = object(bound, wl_compositor_destroy)
    } else if let bound = vgpu_wl_bind_shm(registry, name, interface) {
      sharedMemory = object(bound, wl_shm_destroy)
    } else if let bound = vgpu_wl_bind_dmabuf(registry, name, interface, version) {
      dmabuf = object(bound, zwp_linux_dmabuf_v1_destroy)
    }
  }

  private func object(
    _ bound: OpaquePointer, _ destroy: @escaping (OpaquePointer) -> Void
  ) -> WaylandObject? {
    WaylandObject(bound, on: [registry], destroy: destroy)
  }

  /// libwayland keeps the address: never moved, never freed.
  private static let listener: UnsafeMutablePointer<wl_registry_listener> = {
    let listener = UnsafeMutablePointer<wl_registry_listener>.allocate(capacity: 1)
    listener.initialize(
      to: wl_registry_listener(
        global: { data, registry, name, interface, version in
          guard let data else { return }
          Unmanaged<WaylandGlobals>.fromOpaque(data).takeUnretainedValue()
            .announced(registry, name, interface, version)
        }, global_remove: { _, _, _ in }))
    return listener
  }()

  /// As above.
  private static let presentationListener: UnsafeMutablePointer<wp_presentation_listener> = {
    let listener = UnsafeMutablePointer<wp_presentation_listener>.allocate(capacity: 1)
    listener.initialize(
      to: wp_presentation_listener { data, _, clock in
        guard let data else { return }
        Unmanaged<WaylandGlobals>.fromOpaque(data).takeUnretainedValue().presentationClock = clock
      })
    return listener
  }()
  /// As above.
  private static let dmabufListener: UnsafeMutablePointer<zwp_linux_dmabuf_v1_listener> = {
    let listener = UnsafeMutablePointer<zwp_linux_dmabuf_v1_listener>.allocate(capacity: 1)
    listener.initialize(
      to: zwp_linux_dmabuf_v1_listener(
        format: { _, _, _ in },
        modifier: { data, _, format, high, low in
          guard let data else { return }
          Unmanaged<WaylandGlobals>.fromOpaque(data).takeUnretainedValue().formats.add(
            FourCC(rawValue: format), FormatModifier(rawValue: UInt64(high) << 32 | UInt64(low)))
        }))
    return listener
  }()
}
