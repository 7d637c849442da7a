// SPDX-License-Identifier: Apache-2.0

import DMABuf
import EGLPresenter
import VGPUDisplay

/// The place at which a compositor must show a guest's buffer, and the part of the buffer, so that
/// the picture looks like a drawn one. It is pure arithmetic.
struct HandoverPlace: Equatable {
  /// The visible part of the picture, in the units of the surface that it lies on.
  let area: PixelRectangle
  /// The part of the buffer, in 1/256 pixels; `nil` for all of it.
  let source: PixelRectangle?

  /// `nil` when a compositor cannot show it in this way.
  ///
  /// - Parameters:
  ///   - scale: device pixels of one unit.
  ///   - canScale: whether the compositor scales and cuts (`wp_viewporter`).
  init?(_ placement: Placement, scale: Int, canScale: Bool) {
    // A compositor mixes pixels when it scales, but a whole multiple must stay sharp.
    guard placement.isOneToOne || placement.filter == .linear else { return nil }
    let (visible, picture, guest) = (placement.visible, placement.picture, placement.guest)
    let numbers = [visible.x, visible.y, visible.width, visible.height]
    guard !PixelSize(width: visible.width, height: visible.height).isEmpty, scale >= 1,
      numbers.allSatisfy({ $0.isMultiple(of: scale) })
    else { return nil }
    area = PixelRectangle(
      x: visible.x / scale, y: visible.y / scale, width: visible.width / scale,
      height: visible.height / scale)
    let isPlain = placement.isOneToOne && visible == picture && scale == 1
    guard isPlain || canScale else { return nil }
    if visible == picture {
      source = nil
    } else {
      let (x, width) = Self.part(
        of: guest.width, from: visible.x - picture.x, visible.width, in: picture.width)
      let (y, height) = Self.part(
        of: guest.height, from: visible.y - picture.y, visible.height, in: picture.height)
      source = PixelRectangle(x: x, y: y, width: width, height: height)
    }
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
  /// The memory is no dma-buf, but a device's region or a memory file.
  case noBuffer
  /// The compositor does not name such buffers.
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
    case .noBuffer: "the picture is in no dma-buf"
    case .unnamed(let layout): "\(layout): the compositor does not name this format and modifier"
    case .refused(let layout): "\(layout): the compositor refused the buffer"
    case .unreadable: "the software renderer cannot read the buffer"
    case .tooMany: "the guest has too many buffers"
    case .notYet: "the compositor has not answered yet"
    case .unplaced: "what lies around the picture is drawn first"
    }
  }
}
