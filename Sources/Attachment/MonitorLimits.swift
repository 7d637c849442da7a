// SPDX-License-Identifier: Apache-2.0

/// The largest picture that a driver makes, in pixels; `nil` where it does not say.
public struct MonitorLimits: Hashable, Sendable {
  /// From left to right.
  public let width: Int?
  /// From top to bottom.
  public let height: Int?
}
