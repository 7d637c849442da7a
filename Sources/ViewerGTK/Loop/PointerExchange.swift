// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import VGPUDisplay

/// Takes the guest's pointer out of the frames while the host's pointer has its look.
struct PointerExchange {
  /// Whether the host's pointer is where the guest's is.
  var isWanted = false
  private var last: Last?

  private struct Last {
    let buffer: UInt64
    let x: Int
    let y: Int
    let readAt: MonotonicInstant
    let image: PointerImage?
  }

  /// How long a pointer at rest keeps its look, in nanoseconds, when its source tells no changes: the
  /// driver may draw another look into the same buffer.
  private static let patience = 100_000_000

  /// The frame to show, and the pointer.
  mutating func exchange(_ frame: Frame) -> (frame: Frame, pointer: GuestPointer) {
    guard let cursor = frame.cursor else { return (frame, .none) }
    guard isWanted, let image = image(of: cursor, tells: frame.revision != nil) else {
      return (frame, .drawn)
    }
    return (
      Frame(
        primary: frame.primary, cursor: nil, flip: frame.flip, detectedAt: frame.detectedAt,
        revision: frame.revision), .told(image)
    )
  }

  private mutating func image(of cursor: Cursor, tells: Bool) -> PointerImage? {
    let now = MonotonicInstant.now
    if let last, last.buffer == cursor.buffer.id,
      last.image.map({ isAt(cursor.hotspot, $0) }) ?? true,
      tells
        || (last.x, last.y) == (cursor.x, cursor.y)
          && now.nanoseconds(since: last.readAt) < Self.patience
    {
      return last.image
    }
    let new = PointerImage(cursor)
    // The same object as long as the look is the same, so that a comparison is cheap.
    let image = new == last?.image ? last?.image : new
    last = Last(buffer: cursor.buffer.id, x: cursor.x, y: cursor.y, readAt: now, image: image)
    return image
  }

  private func isAt(_ hotspot: (x: Int, y: Int)?, _ image: PointerImage) -> Bool {
    hotspot.map { $0 == image.hotspot } ?? false
  }
}
