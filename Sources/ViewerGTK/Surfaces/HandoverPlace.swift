// SPDX-License-Identifier: Apache-2.0

import DMABuf
import EGLPresenter
import VGPUDisplay

/// Where a compositor is to show a guest's buffer, and which part of it, so that it looks as if it
/// had been drawn. Pure arithmetic.
struct HandoverPlace: Equatable {
  /// What is seen of the picture, in the units of the surface that it lies on.
  let area: PixelRectangle
  /// Of the buffer, in 1/256 pixels; `nil` for all of it.
  let source: PixelRectangle?

  /// `nil` where a compositor cannot show it so.
  ///
  /// - Parameters:
  ///   - scale: device pixels of one unit.
  ///   - canScale: the compositor scales and cuts (`wp_viewporter`).
  init?(_ placement: Placement, scale: Int, canScale: Bool) {
    // A compositor mixes pixels as it scales; a whole multiple is to stay sharp.
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

  /// Beyond the buffer's edge a compositor ends the connection: both are rounded down.
  private static func part(
    of guest: Int, from offset: Int, _ length: Int, in picture: Int
  ) -> (Int, Int) {
    let start = 256 * guest * offset / picture
    return (start, max(1, min(256 * guest * length / picture, 256 * guest - start)))
  }
}

/// Why a frame is drawn, instead of its buffer handed to the compositor.
enum HandoverObstacle: Hashable, Sendable {
  /// The compositor takes no buffers: no `zwp_linux_dmabuf_v1` of version 3.
  case noProtocol
  /// It was asked for.
  case unwanted
  /// A pointer of the guest's lies over the picture.
  case pointer
  /// An overlay does.
  case overlay
  /// The compositor would not scale or place it as it is to be.
  case scaling
  /// The memory is a device's or a memory file: there is no dma-buf.
  case noBuffer
  /// The compositor does not name such buffers.
  case unnamed(ImageLayout)
  /// It named them, and refused this one.
  case refused(ImageLayout)
  /// A renderer that is a CPU would have to read it and cannot.
  case unreadable
  /// More buffers than are kept.
  case tooMany
  /// The compositor has not answered yet.
  case notYet
  /// What lies around the picture is to be drawn first.
  case unplaced

  /// The next frame will do.
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
