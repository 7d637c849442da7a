// SPDX-License-Identifier: Apache-2.0

public import VGPUDisplay

/// A mode of a monitor, as the kernel lists it for the monitor's connector.
public struct ScreenMode: Hashable, Sendable {
  /// The picture's size in pixels.
  public let size: PixelSize
  /// Nanoseconds from one refresh to the next; 0 when the kernel's numbers make no sense.
  public let interval: Int
  /// Whether the monitor prefers this mode.
  public let isPreferred: Bool
  /// Whether a refresh shows every other line only.
  public let isInterlaced: Bool
  /// The kernel's `drm_mode_modeinfo`, byte for byte: what is given back to it.
  let timing: [UInt8]

  /// Makes a mode from its parts.
  package init(
    size: PixelSize, interval: Int, isPreferred: Bool = false, isInterlaced: Bool = false,
    timing: [UInt8] = []
  ) {
    self.size = size
    self.interval = interval
    self.isPreferred = isPreferred
    self.isInterlaced = isInterlaced
    self.timing = timing
  }

  /// Refreshes a second, in Hz; 0 when it is unknown.
  public var refreshRate: Double { interval > 0 ? 1e9 / Double(interval) : 0 }
}

extension ScreenMode: CustomStringConvertible {
  /// Such as `1920x1080@59.94`, and `1920x1080@29.97i` for an interlaced one.
  public var description: String {
    "\(size.width)x\(size.height)@\(hertz(refreshRate))\(isInterlaced ? "i" : "")"
  }
}

/// A rate with two decimals at most.
private func hertz(_ rate: Double) -> String {
  let hundredths = Int((min(max(rate, 0), 1e9) * 100).rounded())
  let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
  return "\(whole)" + (rest == 0 ? "" : rest < 10 ? ".0\(rest)" : ".\(rest)")
}

/// A mode that a user asks for.
public struct ModeWish: Hashable, Sendable {
  /// The picture's size in pixels.
  public let size: PixelSize
  /// Refreshes a second, in Hz; `nil` for any.
  public let refreshRate: Double?

  /// Asks for a mode.
  public init(size: PixelSize, refreshRate: Double? = nil) {
    self.size = size
    self.refreshRate = refreshRate
  }
}

extension ModeWish: CustomStringConvertible {
  /// Such as `1920x1080`, or `1920x1080@60`.
  public var description: String {
    "\(size.width)x\(size.height)" + (refreshRate.map { "@\(hertz($0))" } ?? "")
  }
}
