// SPDX-License-Identifier: Apache-2.0

import VGPUDisplay

/// What the display engine makes of the guest's buffers: each is asked for once. A buffer is the same
/// object as long as the guest shows the same memory, and its id is never used again.
///
/// Buffers are held weakly, and their framebuffers go soon after them.
struct KnownBuffers {
  /// What is known of a buffer.
  enum Outcome {
    /// A plane can show it.
    case accepted(Framebuffer)
    /// It is copied, for this reason.
    case refused(String)
  }

  private struct Known {
    weak var buffer: PlaneBuffer?
    let outcome: Outcome
  }

  /// More than a source keeps.
  private static let capacity = 48

  private var known = RecencyTable<UInt64, Known>(capacity: Self.capacity)

  /// What is known of a buffer; `nil` when it was not asked for yet.
  mutating func outcome(of buffer: PlaneBuffer) -> Outcome? {
    guard let index = known.use(buffer.id) else { return nil }
    return known.entries[index].value.outcome
  }

  /// Why a buffer is copied; `nil` when it is not, or nothing is known of it.
  mutating func refusal(of buffer: PlaneBuffer) -> String? {
    guard case .refused(let reason)? = outcome(of: buffer) else { return nil }
    return reason
  }

  /// Notes what is known of a buffer, and forgets buffers that the guest no longer has.
  mutating func insert(_ outcome: Outcome, for buffer: PlaneBuffer) {
    known.removeAll { _, known in known.buffer == nil }
    known.insert(Known(buffer: buffer, outcome: outcome), for: buffer.id)
  }

  /// Notes that a buffer has to be copied after all.
  mutating func refuse(_ buffer: PlaneBuffer, _ reason: String) {
    known.removeAll { id, _ in id == buffer.id }
    known.insert(Known(buffer: buffer, outcome: .refused(reason)), for: buffer.id)
  }

  /// Forgets everything: another mode is shown, or the guest has gone. What a plane shows is kept by
  /// whoever has it shown.
  mutating func removeAll() { known.removeAll() }
}
