// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
public import VGPUDisplay

/// The monitor that a guest would fit into its window with: of the window's size, at the rate of the
/// host's monitor that the window is on.
public struct MonitorWish: Hashable, Sendable {
  /// In device pixels.
  public let size: PixelSize
  /// In Hz; `nil` where the display server does not tell.
  public let refreshRate: Double?
}

/// Tells the size of a view when it has come to rest, and only a size that the user has chosen: the
/// window's first size follows the guest's, and must not change the guest's.
@MainActor
final class AreaFollower {
  /// Called with the size in device pixels.
  var onRest: (@MainActor (PixelSize) -> Void)?
  private var told: PixelSize?
  private var pending: (size: PixelSize, timer: Timer)?

  /// How long a size has to last, in milliseconds: a window that is dragged larger gets many.
  private static let rest = 300

  /// A size that was not the user's choice.
  func expect(_ size: PixelSize) {
    told = size
    pending = nil
  }

  /// The view has got this size.
  func changed(to size: PixelSize) {
    // Nothing was expected yet: the guest has no size that this one could be another than.
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
