// SPDX-License-Identifier: Apache-2.0

/// A size of picture, and how often it is shown.
public struct DisplayMode: Hashable, Sendable {
  /// Pixels in a line.
  public let width: Int
  /// Lines in a picture.
  public let height: Int
  /// Pictures a second, in Hz.
  public let refreshRate: Double

  /// Makes a mode of its three numbers, which need not be ones that an EDID can carry.
  ///
  /// - Parameters:
  ///   - width: in pixels.
  ///   - height: in pixels.
  ///   - refreshRate: in Hz.
  public init(width: Int, height: Int, refreshRate: Double = 60) {
    self.width = width
    self.height = height
    self.refreshRate = refreshRate
  }

  /// Reads a mode that a person or a file gave: `1920x1080@60`, `2560x1440@143.9`, or `1280x720`
  /// for 60 Hz.
  ///
  /// - Throws: `EDIDError.invalidMode` for anything else.
  public init(parsing text: String) throws(EDIDError) {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    let size = (parts.first ?? "").split(separator: "x", omittingEmptySubsequences: false)
    guard parts.count <= 2, size.count == 2, let width = Self.pixels(size[0]),
      let height = Self.pixels(size[1])
    else { throw .invalidMode(text) }
    var refreshRate = 60.0
    if parts.count == 2 {
      guard let rate = Self.rate(parts[1]) else { throw .invalidMode(text) }
      refreshRate = rate
    }
    self.init(width: width, height: height, refreshRate: refreshRate)
  }

  private static func pixels(_ text: Substring) -> Int? {
    guard text.utf8.allSatisfy(isDigit), let value = Int(text), value > 0, value <= 65535 else {
      return nil
    }
    return value
  }

  /// `Double(_:)` would also take `inf`, `0x1p6` and `1e2`, which nobody means as a refresh rate.
  private static func rate(_ text: Substring) -> Double? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }),
      let value = Double(text), value > 0, value <= 65535
    else { return nil }
    return value
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}

extension DisplayMode: CustomStringConvertible {
  /// `1920x1080@60`, the refresh rate with at most three decimals.
  public var description: String {
    guard refreshRate.isFinite, abs(refreshRate) < 1e9 else {
      return "\(width)x\(height)@\(refreshRate)"
    }
    let rounded = (refreshRate * 1000).rounded() / 1000
    let rate = rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    return "\(width)x\(height)@\(rate)"
  }
}

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
