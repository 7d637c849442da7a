// SPDX-License-Identifier: Apache-2.0

import VGPUDisplay

/// The images of the buffers seen so far. A buffer is the same object as long as the driver shows
/// the same memory, and its id is never used again, so the id is the key.
///
/// The buffers are held weakly: an image goes as soon as the source releases its buffer. The
/// context is current whenever this is used.
struct ImageCache {
  /// The knowledge about a buffer.
  enum Outcome {
    case imported(ImportedImage)
    /// The driver refused the buffer: copy it. The reason has been reported.
    case copied
    /// It can be neither imported nor copied.
    case impossible(GraphicsError)
  }

  /// It is more than a source keeps. The bound is for several sources, or one that leaks.
  static let capacity = 96

  private struct Known {
    weak var buffer: PlaneBuffer?
    let outcome: Outcome
  }

  private var known = RecencyTable<UInt64, Known>(capacity: Self.capacity)

  var count: Int { known.count }

  /// The knowledge about a buffer, if any.
  mutating func outcome(of buffer: PlaneBuffer) -> Outcome? {
    guard let index = known.use(buffer.id) else { return nil }
    return known.entries[index].value.outcome
  }

  /// Keeps the knowledge about a buffer. When the cache is full, it replaces the least recently
  /// used entry.
  mutating func insert(_ outcome: Outcome, for buffer: PlaneBuffer) {
    if let index = known.use(buffer.id) { known.remove(at: index) }
    known.insert(Known(buffer: buffer, outcome: outcome), for: buffer.id)
  }

  /// Whether it holds entries of released buffers.
  var hasGone: Bool {
    for index in known.indices where known.entries[index].value.buffer == nil { return true }
    return false
  }

  /// Drops the entries of released buffers, whose memory stays held until then.
  mutating func sweep() {
    if hasGone { known.removeAll { _, known in known.buffer == nil } }
  }

  mutating func removeAll() { known.removeAll() }
}
