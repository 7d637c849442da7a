// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Which of a display's planes (`DRM_PLANE_TYPE_*`).
public enum PlaneType: UInt32, Sendable {
  /// The picture.
  case primary = 1
  /// The mouse pointer.
  case cursor = 2
}

/// How a driver hands out the pixels of a plane.
@nonexhaustive
public enum PlaneTransport: Sendable {
  /// As dma-bufs (VFIO_GFX_PLANE_TYPE_DMABUF): `GraphicsPlane.handle` is a dma-buf id.
  case dmaBuf
  /// In a region of the device (VFIO_GFX_PLANE_TYPE_REGION): `GraphicsPlane.handle` is its number.
  case region

  var flag: UInt32 {
    switch self {
    case .dmaBuf: UInt32(VFIO_GFX_PLANE_TYPE_DMABUF)
    case .region: UInt32(VFIO_GFX_PLANE_TYPE_REGION)
    }
  }
}

/// A driver's description of a plane (VFIO_DEVICE_QUERY_GFX_PLANE), unchanged.
///
/// The numbers come from the guest: **none is checked**. Compare them with each other and with the
/// buffer's true size before you map, import or allocate anything by them.
public struct GraphicsPlane: Hashable, Sendable {
  /// The pixel format, a DRM fourcc; 0 when the plane is off.
  public var format: UInt32
  /// The memory layout, a DRM format modifier.
  public var modifier: UInt64
  /// Width in pixels.
  public var width: UInt32
  /// Height in pixels.
  public var height: UInt32
  /// Bytes from one line to the next.
  public var stride: UInt32
  /// Size of the pixels in bytes; in pages with GVT-g before Linux 5.2. 0 when the plane is off.
  public var size: UInt32
  /// A cursor plane's left edge on the primary plane, in pixels. i915 gives magnitudes only: a
  /// cursor that hangs over the left or upper edge appears inside.
  public var x: UInt32
  /// As `x`, from the upper edge.
  public var y: UInt32
  /// The pixel of a cursor that points, from its left edge; 0xFFFFFFFF when the guest does not
  /// tell.
  public var hotspotX: UInt32
  /// As `hotspotX`, from the cursor's upper edge.
  public var hotspotY: UInt32
  /// The dma-buf's id, or the region's number. Ids are reused: two planes with the same id can be
  /// different buffers.
  public var handle: UInt32

  /// Makes a plane from its parts, as a synthetic guest does.
  public init(
    format: UInt32, modifier: UInt64, width: UInt32, height: UInt32, stride: UInt32, size: UInt32,
    x: UInt32 = 0, y: UInt32 = 0, hotspotX: UInt32 = .max, hotspotY: UInt32 = .max, handle: UInt32
  ) {
    self.format = format
    self.modifier = modifier
    self.width = width
    self.height = height
    self.stride = stride
    self.size = size
    self.x = x
    self.y = y
    self.hotspotX = hotspotX
    self.hotspotY = hotspotY
    self.handle = handle
  }

  init(_ info: vfio_device_gfx_plane_info) {
    self.init(
      format: info.drm_format, modifier: info.drm_format_mod, width: info.width,
      height: info.height, stride: info.stride, size: info.size, x: info.x_pos, y: info.y_pos,
      hotspotX: info.x_hot, hotspotY: info.y_hot, handle: info.dmabuf_id)
  }

  /// Whether the plane is off. Either the driver left every field unchanged, which means zero. Or
  /// it left only the size at zero, because its guest has no buffer yet; QEMU too takes that for
  /// "off".
  public var isOff: Bool { format == 0 || width == 0 || height == 0 || size == 0 }
}
