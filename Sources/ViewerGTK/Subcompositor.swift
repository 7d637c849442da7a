// SPDX-License-Identifier: Apache-2.0

import CWayland

/// The compositor's `wl_subcompositor`, found on an event queue of its own: GDK does not hand out
/// the one that it binds, and its queue must not be disturbed.
@MainActor
final class Subcompositor {
  private let queue: OpaquePointer
  private let registry: OpaquePointer
  fileprivate var found: OpaquePointer?

  /// `nil` when the compositor has none, or the connection is lost.
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
    if found == nil {
      dispose()
      return nil
    }
  }

  /// wl_subcompositor_get_subsurface.
  func subsurface(_ surface: OpaquePointer, parent: OpaquePointer) -> OpaquePointer? {
    found.flatMap { wl_subcompositor_get_subsurface($0, surface, parent) }
  }

  /// Releases everything in reverse order.
  func dispose() {
    if let found { wl_subcompositor_destroy(found) }
    found = nil
    wl_registry_destroy(registry)
    wl_event_queue_destroy(queue)
  }

  /// libwayland keeps the address: never moved, never freed.
  private static let listener: UnsafeMutablePointer<wl_registry_listener> = {
    let listener = UnsafeMutablePointer<wl_registry_listener>.allocate(capacity: 1)
    listener.initialize(to: wl_registry_listener(global: announce, global_remove: withdraw))
    return listener
  }()
}

private func announce(
  _ data: UnsafeMutableRawPointer?, _ registry: OpaquePointer?, _ name: UInt32,
  _ interface: UnsafePointer<CChar>?, _ version: UInt32
) {
  guard let bound = vgpu_wl_bind_subcompositor(registry, name, interface) else { return }
  let address = UInt(bitPattern: bound)
  onMain(data, as: Subcompositor.self) { $0.found = OpaquePointer(bitPattern: address) }
}

private func withdraw(
  _ data: UnsafeMutableRawPointer?, _ registry: OpaquePointer?, _ name: UInt32
) {}
