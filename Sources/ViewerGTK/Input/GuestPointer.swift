// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import LinuxSystem
import VGPUDisplay

/// What there is of the guest's pointer.
enum GuestPointer: Equatable {
  /// None on a plane of its own: it is in the picture, or the guest hides it.
  case none
  /// The view draws it into the picture.
  case drawn
  /// It is not in the picture: the host's pointer is to have its look.
  case told(PointerImage)
}

/// The look of a guest's pointer.
///
/// Sendable: nobody writes to the picture after `init`.
final class PointerImage: Equatable, @unchecked Sendable {
  /// In the guest's pixels.
  let size: PixelSize
  /// The pixel that points.
  let hotspot: (x: Int, y: Int)
  private let picture: SoftwarePicture

  /// The largest width and height of a host's pointer, in pixels. Display servers take no larger ones.
  static let most = 256

  /// Copies a pointer's picture; `nil` when a host's pointer cannot have this look: the guest does not
  /// tell the pixel that points, the picture is too large, or the CPU cannot read it.
  init?(_ cursor: VGPUDisplay.Cursor) {
    let size = cursor.buffer.size
    guard let hotspot = cursor.hotspot, size.width <= Self.most, size.height <= Self.most,
      (0..<size.width).contains(hotspot.x), (0..<size.height).contains(hotspot.y),
      let picture = try? SoftwarePicture(for: cursor.buffer),
      (try? picture.update(cursor.buffer, nil)) != nil
    else { return nil }
    (self.size, self.hotspot, self.picture) = (size, hotspot, picture)
  }

  static func == (left: PointerImage, right: PointerImage) -> Bool {
    left === right
      || left.size == right.size && left.hotspot == right.hotspot
        && left.picture.hasPixels(of: right.picture)
  }

  /// Makes a host's pointer of it; `nil` when cairo has no memory.
  ///
  /// - Parameters:
  ///   - width: the pointer's width, in device pixels.
  ///   - height: the pointer's height, in device pixels.
  ///   - scale: device pixels of a unit of GTK's.
  /// - Returns: an owned `GdkCursor *`.
  @MainActor
  func cursor(
    on display: OpaquePointer?, width: Int, height: Int, scale: Int
  ) -> OpaquePointer? {
    // GDK wants whole units.
    func rounded(_ length: Int) -> Int { (length + scale - 1) / scale * scale }
    guard
      let image = CairoImage(CAIRO_FORMAT_ARGB32, rounded(width), rounded(height)),
      let context = cairo_create(image.surface)
    else { return nil }
    defer { cairo_destroy(context) }
    let isSame = width == size.width && height == size.height
    picture.paint(
      context, PixelRectangle(x: 0, y: 0, width: width, height: height),
      isSame ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_BILINEAR)
    cairo_surface_flush(image.surface)
    cairo_surface_set_device_scale(image.surface, Double(scale), Double(scale))
    func placed(_ place: Int, _ length: Int, _ whole: Int) -> Double {
      // The middle of the pixel that points, so that a scaled pointer still points at the same pixel.
      let middle = (Double(place) + 0.5) * Double(length) / Double(whole)
      return min(middle.rounded(.down), Double(length - 1)) / Double(scale)
    }
    return gdk_cursor_new_from_surface(
      display, image.surface, placed(hotspot.x, width, size.width),
      placed(hotspot.y, height, size.height))
  }
}
