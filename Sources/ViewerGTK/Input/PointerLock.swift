// SPDX-License-Identifier: Apache-2.0

/// Keeps the host's pointer where it is and tells how far the mouse was moved, for a guest whose
/// pointer is relative. Ended by `end`, or when it is released.
@MainActor
protocol PointerLock: AnyObject {
  /// A motion event of the widget, in its own units.
  func moved(toX x: Double, y: Double)
  /// Lets the pointer go.
  func end()
}

/// Who is told how far the mouse was moved.
@MainActor
protocol PointerLockMotion: AnyObject {
  /// Steps to the right and down.
  func moved(dx: Double, dy: Double)
}
