// SPDX-License-Identifier: Apache-2.0

/// How large a monitor's picture is, in millimetres. A guest makes its scale of it.
public struct PhysicalSize: Hashable, Sendable {
  /// From the picture's left edge to its right, in millimetres.
  public let width: Int
  /// From the picture's top to its bottom, in millimetres.
  public let height: Int

  /// Makes a size of its two numbers, in millimetres.
  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// The size at which a mode has 96 pixels an inch, the density at which guests scale nothing.
  public init(at96DPI mode: DisplayMode) {
    func millimetres(_ pixels: Int) -> Int { Int((Double(pixels) * 25.4 / 96).rounded()) }
    self.init(width: millimetres(mode.width), height: millimetres(mode.height))
  }

  /// What an EDID can say, which has whole centimetres in 8 bits, too, and what guests believe:
  /// smaller monitors are taken for mistakes.
  static let carried = 100...2550
}
