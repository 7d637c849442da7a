// SPDX-License-Identifier: Apache-2.0

import CWayland
import CWaylandProtocols
import DMABuf

/// Those of the compositor's globals that GDK does not hand out, found on an event queue of their
/// own: GDK's must not be disturbed. What a compositor does not have is `nil`.
@MainActor
final class WaylandGlobals {
  /// `wl_subcompositor`.
  private(set) var subcompositor: OpaquePointer?
  /// `zwp_pointer_constraints_v1`.
  private(set) var pointerConstraints: OpaquePointer?
  /// `zwp_relative_pointer_manager_v1`.
  private(set) var relativePointers: OpaquePointer?
  /// `wp_presentation`.
  private(set) var presentation: OpaquePointer?
  /// The clock of its timestamps, as clock_gettime(2) numbers it.
  private(set) var presentationClock: UInt32?
  /// `wp_viewporter`.
  private(set) var viewporter: OpaquePointer?
  /// `zwp_linux_dmabuf_v1`, version 3.
  private(set) var dmabuf: OpaquePointer?
  /// Which buffers that takes.
  private(set) var formats = CompositorFormats()
  private let queue: OpaquePointer
  private let registry: OpaquePointer

  /// `nil` when the connection is lost.
  init?(_ display: OpaquePointer) {
    guard let queue = wl_display_create_queue(display) else { return nil }
    guard let wrapper = vgpu_wl_wrap(display) else {
      wl_event_queue_destroy(queue)
      return nil
    }
    vgpu_wl_set_queue(wrapper, queue)
    let registry = wl_display_get_registry(wrapper)
    vgpu_wl_release_wrapper(wrapper)
    guard let registry else {
      wl_event_queue_destroy(queue)
      return nil
    }
    self.queue = queue
    self.registry = registry
    wl_registry_add_listener(registry, Self.listener, Unmanaged.borrowed(self))
    wl_display_roundtrip_queue(display, queue)
    // What these tell as they are bound.
    if let presentation {
      wp_presentation_add_listener(
        presentation, Self.presentationListener, Unmanaged.borrowed(self))
    }
    if let dmabuf {
      zwp_linux_dmabuf_v1_add_listener(dmabuf, Self.dmabufListener, Unmanaged.borrowed(self))
    }
    if presentation != nil || dmabuf != nil { wl_display_roundtrip_queue(display, queue) }
  }

  /// Releases everything in reverse order.
  func dispose() {
    if let dmabuf { zwp_linux_dmabuf_v1_destroy(dmabuf) }
    if let viewporter { wp_viewporter_destroy(viewporter) }
    if let relativePointers { zwp_relative_pointer_manager_v1_destroy(relativePointers) }
    if let pointerConstraints { zwp_pointer_constraints_v1_destroy(pointerConstraints) }
    if let presentation { wp_presentation_destroy(presentation) }
    if let subcompositor { wl_subcompositor_destroy(subcompositor) }
    dmabuf = nil
    viewporter = nil
    presentation = nil
    relativePointers = nil
    pointerConstraints = nil
    subcompositor = nil
    wl_registry_destroy(registry)
    wl_event_queue_destroy(queue)
  }

  private func announced(
    _ registry: OpaquePointer?, _ name: UInt32, _ interface: UnsafePointer<CChar>?,
    _ version: UInt32
  ) {
    if let bound = vgpu_wl_bind_subcompositor(registry, name, interface) {
      subcompositor = bound
    } else if let bound = vgpu_wl_bind_pointer_constraints(registry, name, interface) {
      pointerConstraints = bound
    } else if let bound = vgpu_wl_bind_relative_pointers(registry, name, interface) {
      relativePointers = bound
    } else if let bound = vgpu_wl_bind_presentation(registry, name, interface) {
      presentation = bound
    } else if let bound = vgpu_wl_bind_viewporter(registry, name, interface) {
      viewporter = bound
    } else if let bound = vgpu_wl_bind_dmabuf(registry, name, interface, version) {
      dmabuf = bound
    }
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
