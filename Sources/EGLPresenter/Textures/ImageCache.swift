// SPDX-License-Identifier: Apache-2.0

import VGPUDisplay

/// What was made of the buffers seen so far. A buffer is the same object as long as the driver
/// shows the same memory, and its id is never used again, so it is known by that.
///
/// The buffers are held weakly: what was made of one goes as soon as its source lets it go. The
/// context is current whenever this is used.
struct ImageCache {
  /// What is known of a buffer.
  enum Outcome {
    case imported(ImportedImage)
    /// The driver does not take it: copy it. The reason has been reported.
    case copied
    /// It can be neither imported nor copied.
    case impossible(GraphicsError)
  }

  /// More than a source keeps: the bound is for several sources, or one that leaks.
  static let capacity = 96

  private struct Known {
    weak var buffer: PlaneBuffer?
    let outcome: Outcome
  }

  private var known = RecencyTable<UInt64, Known>(capacity: Self.capacity)

  var count: Int { known.count }

  /// What is known of a buffer, if anything.
  mutating func outcome(of buffer: PlaneBuffer) -> Outcome? {
    guard let index = known.use(buffer.id) else { return nil }
    return known.entries[index].value.outcome
  }

  /// Remembers what was made of a buffer, in place of the longest unused one if need be.
  mutating func insert(_ outcome: Outcome, for buffer: PlaneBuffer) {
    if let index = known.use(buffer.id) { known.remove(at: index) }
    known.insert(Known(buffer: buffer, outcome: outcome), for: buffer.id)
  }

  /// Whether there are buffers that are gone.
  var hasGone: Bool {
    for index in known.indices where known.entries[index].value.buffer == nil { return true }
    return false
  }

  /// Drops what was made of buffers that are gone: their memory is held until then.
  mutating func sweep() {
    if hasGone { known.removeAll { _, known in known.buffer == nil } }
  }

  mutating func removeAll() { known.removeAll() }
}
