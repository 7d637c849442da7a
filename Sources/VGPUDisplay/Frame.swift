// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// What a guest's screen shows at one moment.
public struct Frame {
  /// The picture.
  public let primary: PlaneBuffer
  /// The mouse pointer that the guest draws by a plane of its own; `nil` when it has none.
  public let cursor: Cursor?
  /// Counts how often the guest has shown another buffer than before, from 1. It stays the same
  /// while a guest draws into the buffer that it shows.
  public let flip: UInt64
  /// When the source saw this frame's buffer for the first time.
  public let detectedAt: MonotonicInstant
  /// Counts the changes that the source was told of: when it is the same, so is every pixel. `nil`
  /// when the source cannot tell, as with VFIO, so that whoever wants to know compares the pixels.
  public let revision: UInt64?

  /// Makes a frame of its parts, as a frame source does.
  public init(
    primary: PlaneBuffer, cursor: Cursor?, flip: UInt64, detectedAt: MonotonicInstant,
    revision: UInt64? = nil
  ) {
    self.primary = primary
    self.cursor = cursor
    self.flip = flip
    self.detectedAt = detectedAt
    self.revision = revision
  }
}

/// A guest's mouse pointer on a plane of its own.
public struct Cursor {
  /// The pointer's picture.
  public let buffer: PlaneBuffer
  /// The picture's left edge, in pixels from the primary plane's.
  public let x: Int
  /// The picture's upper edge, in pixels from the primary plane's.
  public let y: Int
  /// The pixel of the picture that points; `nil` when the guest did not say.
  public let hotspot: (x: Int, y: Int)?

  /// Makes a cursor of its parts, as a frame source does.
  public init(buffer: PlaneBuffer, x: Int, y: Int, hotspot: (x: Int, y: Int)?) {
    self.buffer = buffer
    self.x = x
    self.y = y
    self.hotspot = hotspot
  }
}
