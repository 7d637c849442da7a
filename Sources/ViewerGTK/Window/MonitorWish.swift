// SPDX-License-Identifier: Apache-2.0

public import VGPUDisplay

/// The monitor that a guest would fit into its window with: of the window's size, at the rate of the
/// host's monitor that the window is on.
public struct MonitorWish: Hashable, Sendable {
  /// In device pixels.
  public let size: PixelSize
  /// In Hz; `nil` where the display server does not tell.
  public let refreshRate: Double?
}
