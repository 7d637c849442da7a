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

/// Tells a view's size after it has stopped changing. It tells only sizes that the user has chosen:
/// the window's first size follows the guest's, and must not change the guest's size.
@MainActor
final class AreaFollower {
  /// Called with the size in device pixels.
  var onRest: (@MainActor (PixelSize) -> Void)?
  private var told: PixelSize?
  private var pending: (size: PixelSize, timer: Timer)?

  /// The time that a size must last, in milliseconds, because a window gets many sizes while the
  /// user drags its edge.
  private static let rest = 300

  /// A size that was not the user's choice.
  func expect(_ size: PixelSize) {
    told = size
    pending = nil
  }

  /// Tells that the view has this size now.
  func changed(to size: PixelSize) {
    // No size was expected yet: the guest has no size to differ from.
    guard told != nil else { return }
    pending = (size, Timer(milliseconds: Self.rest) { [unowned self] in settle() })
  }

  private func settle() {
    guard let pending else { return }
    self.pending = nil
    guard pending.size != told else { return }
    told = pending.size
    onRest?(pending.size)
  }
}
