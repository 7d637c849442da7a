// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
public import VGPUDisplay

/// The monitor with which a guest would fit its window: it has the window's size, and the refresh
/// rate of the host's monitor that shows the window.
public struct MonitorWish: Hashable, Sendable {
  /// The size in device pixels.
  public let size: PixelSize
  /// The rate in Hz; `nil` when the display server does not tell.
  public let refreshRate: Double?
}

/// Tells a view's size after it has stopped changing. It tells only sizes that the user or the window
/// manager has chosen: a window that follows its guest must not change the guest's size.
@MainActor
package final class AreaFollower {
  /// Called with the size in device pixels.
  package var onRest: (@MainActor (PixelSize) -> Void)?
  private var told: PixelSize?
  private var tolerance = 0
  /// The view's size.
  private var current: PixelSize?
  /// Whether the window has been asked for a size and has not had it yet.
  private var isAwaited = false
  private var pending: (size: PixelSize, timer: Timer)?

  /// The time that a size must last, in milliseconds, because a window gets many sizes while the
  /// user drags its edge.
  private static let rest = 300
  /// The same while the window is on its way to another size. A busy display server takes long for that,
  /// and the window still has its old size meanwhile.
  private static let patience = 2000

  package init() {}

  /// A size that was not the user's choice.
  ///
  /// - Parameters:
  ///   - size: the size.
  ///   - tolerance: the pixels by which the view's size may differ from it: those that a view gives up
  ///     at its edges.
  ///   - isAskedFor: whether the window was asked to take it.
  package func expect(_ size: PixelSize, tolerance: Int = 0, isAskedFor: Bool = true) {
    told = size
    self.tolerance = tolerance
    pending = nil
    isAwaited = isAskedFor && current.map(differs) ?? true
  }

  /// Tells that the view has this size now.
  package func changed(to size: PixelSize) {
    current = size
    // No size was expected yet: the guest has no size to differ from.
    guard told != nil else { return }
    guard differs(size) else {
      isAwaited = false
      pending = nil
      return
    }
    let time = isAwaited ? Self.patience : Self.rest
    pending = (size, Timer(milliseconds: time) { [unowned self] in settle() })
  }

  private func differs(_ size: PixelSize) -> Bool {
    guard let told else { return true }
    return abs(size.width - told.width) > tolerance || abs(size.height - told.height) > tolerance
  }

  private func settle() {
    guard let pending else { return }
    self.pending = nil
    isAwaited = false
    told = pending.size
    tolerance = 0
    onRest?(pending.size)
  }
}
