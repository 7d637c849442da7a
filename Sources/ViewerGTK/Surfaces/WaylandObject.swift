// SPDX-License-Identifier: Apache-2.0

import CWayland

/// An object of libwayland that this process has made. It is destroyed with this handle, and before
/// the objects that it depends on. So a half-made group of objects is undone in the right order
/// after a failure.
final class WaylandObject {
  let pointer: OpaquePointer
  private let destroy: (OpaquePointer) -> Void
  /// Released after the object is destroyed.
  private let dependencies: [WaylandObject]

  /// Takes an object.
  ///
  /// - Parameters:
  ///   - made: the object that libwayland has returned; `nil` makes no handle.
  ///   - dependencies: the objects that must outlive it.
  ///   - destroy: destroys it.
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

  /// A wrapper of a proxy (wl_proxy_create_wrapper): objects made from it have their events on a
  /// queue.
  static func wrapper(
    of proxy: OpaquePointer, on dependencies: [WaylandObject] = [], queue: WaylandObject
  ) -> WaylandObject? {
    guard let wrapper = vgpu_wl_wrap(proxy) else { return nil }
    vgpu_wl_set_queue(wrapper, queue.pointer)
    return WaylandObject(wrapper, on: dependencies + [queue], destroy: vgpu_wl_release_wrapper)
  }
}
