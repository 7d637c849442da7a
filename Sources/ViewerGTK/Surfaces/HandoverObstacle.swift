// SPDX-License-Identifier: Apache-2.0

import DMABuf

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
