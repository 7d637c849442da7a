// SPDX-License-Identifier: Apache-2.0

import DMABuf
import EGLPresenter
import VGPUDisplay

/// The place at which a compositor must show a guest's buffer, and the part of the buffer, so that
/// the picture looks like a drawn one. It is pure arithmetic.
struct HandoverPlace: Equatable {
  /// The visible part of the picture, in the units of the surface that it lies on.
  let area: PixelRectangle
  /// The part of the image, in 1/256 pixels, as seen the right way up; `nil` for all of it.
  let source: PixelRectangle?
  /// Whether the compositor must turn the image upside down.
  let isUpsideDown: Bool

  /// `nil` when a compositor cannot show it in this way.
  ///
  /// - Parameters:
  ///   - picture: the picture's place in its image.
  ///   - scale: device pixels of one unit.
  ///   - canScale: whether the compositor scales and cuts (`wp_viewporter`).
  init?(_ placement: Placement, of picture: PicturePart, scale: SurfaceScale, canScale: Bool) {
    guard let area = Self.area(of: placement, scale: scale) else { return nil }
    self.area = area
    let (visible, whole, guest) = (placement.visible, placement.picture, placement.guest)
    isUpsideDown = picture.isUpsideDown
    let isPlain = placement.isOneToOne && visible == whole && scale.whole == 1 && picture.isAll
    guard isPlain || canScale else { return nil }
    if visible == whole, picture.isAll {
      source = nil
    } else {
      let (x, width) = Self.part(
        of: guest.width, from: visible.x - whole.x, visible.width, in: whole.width)
      let (y, height) = Self.part(
        of: guest.height, from: visible.y - whole.y, visible.height, in: whole.height)
      source = PixelRectangle(
        x: 256 * picture.x + x, y: 256 * picture.y + y, width: width, height: height)
    }
  }

  /// The visible part's place on the surface; `nil` when a compositor cannot show a picture there.
  static func area(of placement: Placement, scale: SurfaceScale) -> PixelRectangle? {
    // A compositor mixes pixels when it scales, but a whole multiple must stay sharp.
    guard placement.isOneToOne || placement.filter == .linear else { return nil }
    let visible = placement.visible
    guard !PixelSize(width: visible.width, height: visible.height).isEmpty,
      let pixels = scale.pixelsOfUnit,
      visible.x.isMultiple(of: pixels), visible.y.isMultiple(of: pixels),
      visible.width.isMultiple(of: pixels), visible.height.isMultiple(of: pixels)
    else { return nil }
    func units(_ length: Int) -> Int { length / pixels * scale.unit }
    return PixelRectangle(
      x: units(visible.x), y: units(visible.y), width: units(visible.width),
      height: units(visible.height))
  }

  /// Both numbers are rounded down, because a compositor ends the connection for a part beyond the
  /// buffer's edge.
  private static func part(
    of guest: Int, from offset: Int, _ length: Int, in picture: Int
  ) -> (Int, Int) {
    let start = 256 * guest * offset / picture
    return (start, max(1, min(256 * guest * length / picture, 256 * guest - start)))
  }
}

/// The place of a picture in its image, as seen the right way up.
struct PicturePart: Equatable {
  /// Pixels of the image to the left of the picture.
  let x: Int
  /// Lines of the image above the picture.
  let y: Int
  /// The picture is all of the image.
  let isAll: Bool
  /// The image lies upside down in memory.
  let isUpsideDown: Bool

}

extension PicturePart {
  init(_ buffer: PlaneBuffer) {
    let (crop, layout) = (buffer.crop, buffer.layout)
    self.init(
      x: crop.x, y: buffer.isUpsideDown ? layout.height - crop.y - crop.height : crop.y,
      isAll: crop.width == layout.width && crop.height == layout.height,
      isUpsideDown: buffer.isUpsideDown)
  }
}

/// Why a frame is drawn, instead of handing its buffer to the compositor.
enum HandoverObstacle: Hashable, Sendable {
  /// The compositor takes no buffers: no `zwp_linux_dmabuf_v1` of version 3.
  case noProtocol
  /// The user asked for drawing.
  case unwanted
  /// A pointer of the guest lies over the picture.
  case pointer
  /// An overlay lies over the picture.
  case overlay
  /// The compositor would not scale or place the picture as required.
  case scaling
  /// The memory has no descriptor, because it is a device's region.
  case noBuffer
  /// The compositor maps a memory file for writing, and this one must not be written.
  case readOnly
  /// The compositor does not name such buffers, or cannot describe this one.
  case unnamed(ImageLayout)
  /// The compositor names such buffers, but refused this one.
  case refused(ImageLayout)
  /// A software renderer would have to read the buffer and cannot.
  case unreadable
  /// The guest shows more buffers than are kept.
  case tooMany
  /// The compositor has not answered yet.
  case notYet
  /// The area around the picture must be drawn first.
  case unplaced

  /// The next frame can be handed over.
  var isPassing: Bool { self == .notYet || self == .unplaced }
}

extension HandoverObstacle: CustomStringConvertible {
  var description: String {
    switch self {
    case .noProtocol: "the compositor takes no dma-bufs (zwp_linux_dmabuf_v1, version 3)"
    case .unwanted: "frames are to be drawn"
    case .pointer: "the guest's pointer is drawn over the picture"
    case .overlay: "the statistics are drawn over the picture"
    case .scaling: "the compositor would scale or place it otherwise"
    case .noBuffer: "the picture is in no dma-buf and no memory file"
    case .readOnly:
      "the picture's memory file must not be written, and compositors map one for writing"
    case .unnamed(let layout): "\(layout): the compositor does not name this format and modifier"
    case .refused(let layout): "\(layout): the compositor refused the buffer"
    case .unreadable: "the software renderer cannot read the buffer"
    case .tooMany: "the guest has too many buffers"
    case .notYet: "the compositor has not answered yet"
    case .unplaced: "what lies around the picture is drawn first"
    }
  }
}
