// SPDX-License-Identifier: Apache-2.0

import CWayland

/// What GTK's thread has made of the compositor's connection for a render thread to draw with.
struct WaylandHandles: @unchecked Sendable {
  // Sendable: the values never change, libwayland takes requests and reads events on any thread, and
  // the objects' own events come on `queue`, which the render thread alone dispatches. GTK's thread
  // releases them when that has let go.

  /// `wl_display`, GDK's.
  let display: OpaquePointer
  /// The queue that the events of all below come on.
  let queue: OpaquePointer
  /// `wl_compositor`, GDK's: for regions, which have no events.
  let compositor: OpaquePointer
  /// `wl_surface`.
  let surface: OpaquePointer
  /// `wl_egl_window` of the surface.
  let window: OpaquePointer
  /// `wp_presentation`; `nil` where the compositor has none.
  let presentation: OpaquePointer?
  /// The presentation's timestamps are of CLOCK_MONOTONIC.
  let isMonotonic: Bool
  /// What the guest's buffers are handed to the compositor with; `nil` where it takes none.
  let handover: HandoverHandles?
}
