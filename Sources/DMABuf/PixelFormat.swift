// SPDX-License-Identifier: Apache-2.0

/// The properties of a pixel format. The table has every format that i915's GVT-g, mbochs, mdpy and
/// NVIDIA's vGPU driver report for a plane. All of them have one memory plane.
public struct PixelFormat: Hashable, Sendable {
  /// The meaning of a pixel's bits.
  public enum Model: Hashable, Sendable {
    /// Red, green and blue.
    case rgb
    /// Luma and colour differences.
    case yuv
    /// An index into a palette.
    case indexed
  }

  /// The format.
  public let fourCC: FourCC
  /// The memory that a pixel takes, on average.
  public let bitsPerPixel: Int
  /// The meaning of a pixel's bits.
  public let model: Model
  /// The pixels are translucent.
  public let hasAlpha: Bool

  private init(
    _ fourCC: FourCC, bits: Int, _ model: Model = .rgb, hasAlpha: Bool = false
  ) {
    self.fourCC = fourCC
    self.bitsPerPixel = bits
    self.model = model
    self.hasAlpha = hasAlpha
  }

  /// 32 bits, blue in the lowest byte: what the CPU draws.
  public static let xrgb8888 = PixelFormat(.xrgb8888, bits: 32)

  /// Every known format.
  public static let all: [PixelFormat] = [
    .xrgb8888,
    PixelFormat(.argb8888, bits: 32, hasAlpha: true),
    PixelFormat(.xbgr8888, bits: 32),
    PixelFormat(.abgr8888, bits: 32, hasAlpha: true),
    PixelFormat(.rgb888, bits: 24),
    PixelFormat(.rgb565, bits: 16),
    PixelFormat(.xrgb2101010, bits: 32),
    PixelFormat(.xbgr2101010, bits: 32),
    PixelFormat(.c8, bits: 8, .indexed),
    PixelFormat(.yuyv, bits: 16, .yuv),
    PixelFormat(.yvyu, bits: 16, .yuv),
    PixelFormat(.uyvy, bits: 16, .yuv),
    PixelFormat(.vyuy, bits: 16, .yuv),
    PixelFormat(.ayuv, bits: 32, .yuv, hasAlpha: true),
  ]

  /// The properties of a format; `nil` for a format that no driver reports.
  public init?(_ fourCC: FourCC) {
    guard let format = Self.all.first(where: { $0.fourCC == fourCC }) else { return nil }
    self = format
  }

  /// The bytes that a line of `width` pixels takes; `nil` when the number is beyond `Int`.
  public func lineBytes(width: Int) -> Int? {
    let (bits, overflow) = width.multipliedReportingOverflow(by: bitsPerPixel)
    return overflow || bits > Int.max - 7 ? nil : (bits + 7) / 8
  }
}

extension PixelFormat: CustomStringConvertible {
  /// The fourcc, such as `XR24`.
  public var description: String { fourCC.description }
}
