// SPDX-License-Identifier: Apache-2.0

import CWayland

/// An object of libwayland's that this process has made: destroyed with this handle, and before those
/// that it depends on. So whatever is half made when something fails is undone in the right order.
final class WaylandObject {
  let pointer: OpaquePointer
  private let destroy: (OpaquePointer) -> Void
  /// Released after the object is destroyed.
  private let dependencies: [WaylandObject]

  /// Takes an object.
  ///
  /// - Parameters:
  ///   - made: what libwayland has returned; `nil` makes no handle.
  ///   - dependencies: what must outlive it.
  ///   - destroy: how it is destroyed.
  init?(
    _ made: OpaquePointer?, on dependencies: [WaylandObject],
    destroy: @escaping (OpaquePointer) -> Void
  ) {
    guard let made else { return nil }
    pointer = made
    self.dependencies = dependencies
    self.destroy = destroy
  }

  deinit { destroy(pointer) }

  /// A copy of a proxy whose new objects have their events on a queue (wl_proxy_create_wrapper).
  static func wrapper(
    of proxy: OpaquePointer, on dependencies: [WaylandObject] = [], queue: WaylandObject
  ) -> WaylandObject? {
    guard let wrapper = vgpu_wl_wrap(proxy) else { return nil }
    vgpu_wl_set_queue(wrapper, queue.pointer)
    return WaylandObject(wrapper, on: dependencies + [queue], destroy: vgpu_wl_release_wrapper)
  }
}
