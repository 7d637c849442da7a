// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// The contents of a guest's screen at one moment.
public struct Frame {
  /// The picture.
  public let primary: PlaneBuffer
  /// The mouse pointer, when the guest draws it on a plane of its own; `nil` when it does not.
  public let cursor: Cursor?
  /// The number of times that the guest has changed the shown buffer, from 1. It stays the same
  /// while a guest draws into the shown buffer.
  public let flip: UInt64
  /// The time when the source noticed this flip.
  public let detectedAt: MonotonicInstant
  /// Counts the changes of the picture that the source was told of: frames with the same number have
  /// the same pixels, but perhaps another pointer. `nil` when the source cannot tell, as with VFIO: then only comparing the pixels can
  /// tell.
  public let revision: UInt64?

  /// Makes a frame from its parts, as a frame source does.
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
  /// The pixel of the picture that points; `nil` when the guest does not tell.
  public let hotspot: (x: Int, y: Int)?

  /// Makes a cursor from its parts, as a frame source does.
  public init(buffer: PlaneBuffer, x: Int, y: Int, hotspot: (x: Int, y: Int)?) {
    self.buffer = buffer
    self.x = x
    self.y = y
    self.hotspot = hotspot
  }
}
