// SPDX-License-Identifier: Apache-2.0

/// The fingers that a guest was told of, and their slots.
package struct TouchSlots {
  private var slots: [UInt: Int] = [:]

  /// No finger touches.
  package init() {}

  /// A finger touches.
  ///
  /// - Parameter finger: any number that tells it from the others.
  /// - Returns: what the guest is told; nothing of a finger too many.
  package mutating func begin(_ finger: UInt, x: Int, y: Int) -> [GuestInputEvent] {
    let all = 0..<GuestInputEvent.mostTouches
    guard let slot = all.first(where: { !slots.values.contains($0) }) else { return [] }
    // A finger whose end never came.
    let old = slots[finger].map { GuestInputEvent.touchUp(slot: $0) }
    slots[finger] = slot
    return [old, .touchDown(slot: slot, x: x, y: y)].compactMap { $0 }
  }

  /// The slot of a finger; `nil` when the guest was not told of it.
  package func slot(of finger: UInt) -> Int? { slots[finger] }

  /// A finger leaves.
  ///
  /// - Returns: what the guest is told; `nil` when it was not told of the finger.
  package mutating func end(_ finger: UInt) -> GuestInputEvent? {
    slots.removeValue(forKey: finger).map { .touchUp(slot: $0) }
  }
}
