// SPDX-License-Identifier: Apache-2.0

import CDRM
import LinuxSystem
import VGPUDisplay

/// Values of properties that become true together, or not at all (DRM_IOCTL_MODE_ATOMIC). It is used again
/// for each frame, and then allocates nothing.
struct AtomicRequest {
  private var objects: [UInt32] = []
  private var counts: [UInt32] = []
  private var properties: [UInt32] = []
  private var values: [UInt64] = []

  /// How a request is carried out.
  struct Flags: OptionSet {
    let rawValue: UInt32

    /// Nothing is changed: the answer tells whether the driver could.
    static let test = Flags(rawValue: UInt32(DRM_MODE_ATOMIC_TEST_ONLY))
    /// The call does not wait for the refresh.
    static let nonBlocking = Flags(rawValue: UInt32(DRM_MODE_ATOMIC_NONBLOCK))
    /// The monitor may go dark for a moment.
    static let modeset = Flags(rawValue: UInt32(DRM_MODE_ATOMIC_ALLOW_MODESET))
    /// An event tells the refresh from which on it is true.
    static let event = Flags(rawValue: UInt32(DRM_MODE_PAGE_FLIP_EVENT))
  }

  /// Removes everything and keeps the room.
  mutating func clear() {
    objects.removeAll(keepingCapacity: true)
    counts.removeAll(keepingCapacity: true)
    properties.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
  }

  /// The properties that follow are this object's.
  mutating func begin(_ object: UInt32) {
    objects.append(object)
    counts.append(0)
  }

  /// Sets a property of the object that was begun last.
  mutating func set(_ property: UInt32, _ value: UInt64) {
    guard !counts.isEmpty else { return }
    counts[counts.count - 1] += 1
    properties.append(property)
    values.append(value)
  }

  /// Sets a property, if the driver has it.
  mutating func set(_ property: KMSObject.Property?, _ value: UInt64) {
    if let property { set(property.id, value) }
  }

  /// DRM_IOCTL_MODE_ATOMIC.
  ///
  /// - Parameter number: comes back in the event.
  func commit(
    on card: Card, _ flags: Flags, number: UInt64 = 0
  ) throws(SystemCallError) {
    try card.call("DRM_IOCTL_MODE_ATOMIC") {
      vgpu_drm_commit(
        card.fd, flags.rawValue, number, UInt32(objects.count), objects, counts, properties,
        values)
    }
  }
}

/// A part of a framebuffer at a place of the screen, pixel for pixel.
struct PlanePicture: Equatable {
  var framebuffer: UInt32
  /// In pixels of the framebuffer.
  var source: PixelRectangle
  /// The left edge on the screen.
  var x: Int
  /// The upper edge on the screen.
  var y: Int
}
