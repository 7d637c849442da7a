// SPDX-License-Identifier: Apache-2.0

/// Who is told that a surface wants the next frame.
@MainActor
protocol SurfaceTicks: AnyObject {
  /// The next frame is due.
  func tick()
}
