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

  private struct Entry {
    let id: UInt64
    weak var buffer: PlaneBuffer?
    let outcome: Outcome
    var lastUse: UInt64
  }

  private var entries: [Entry] = []
  private var uses: UInt64 = 0

  init() {
    entries.reserveCapacity(Self.capacity)
  }

  var count: Int { entries.count }

  /// What is known of a buffer, if anything.
  mutating func outcome(of buffer: PlaneBuffer) -> Outcome? {
    uses += 1
    let id = buffer.id
    for index in entries.indices where entries[index].id == id {
      entries[index].lastUse = uses
      return entries[index].outcome
    }
    return nil
  }

  /// Remembers what was made of a buffer, in place of the longest unused one if need be.
  mutating func insert(_ outcome: Outcome, for buffer: PlaneBuffer) {
    entries.removeAll { $0.id == buffer.id }
    if entries.count == Self.capacity,
      let oldest = entries.indices.min(by: { entries[$0].lastUse < entries[$1].lastUse })
    {
      entries.remove(at: oldest)
    }
    entries.append(Entry(id: buffer.id, buffer: buffer, outcome: outcome, lastUse: uses))
  }

  /// Whether there are buffers that are gone.
  var hasGone: Bool {
    for index in entries.indices where entries[index].buffer == nil { return true }
    return false
  }

  /// Drops what was made of buffers that are gone: their memory is held until then.
  mutating func sweep() {
    if hasGone { entries.removeAll { $0.buffer == nil } }
  }

  mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
  }
}
