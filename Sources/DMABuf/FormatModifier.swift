// SPDX-License-Identifier: Apache-2.0

/// How pixels lie in memory, as a DRM format modifier (`<drm_fourcc.h>`): a vendor in the highest
/// byte and that vendor's code below.
public struct FormatModifier: RawRepresentable, Hashable, Sendable {
  /// The vendor and the code.
  public let rawValue: UInt64

  /// Makes a modifier from its number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  private init(vendor: UInt64, code: UInt64) { rawValue = vendor << 56 | code }

  /// Line after line.
  public static let linear = FormatModifier(rawValue: 0)
  /// Unspecified: the exporter and the importer agree by other means.
  public static let invalid = FormatModifier(rawValue: 0x00FF_FFFF_FFFF_FFFF)
  /// Intel, tiles of 512 bytes by 8 lines.
  public static let i915XTiled = FormatModifier(vendor: 1, code: 1)
  /// Intel, tiles of 128 bytes by 32 lines.
  public static let i915YTiled = FormatModifier(vendor: 1, code: 2)
  /// Intel, Skylake's Yf tiles.
  public static let i915YfTiled = FormatModifier(vendor: 1, code: 3)
  /// Intel, Y tiles with colour compression.
  public static let i915YTiledCCS = FormatModifier(vendor: 1, code: 4)
  /// Intel, Yf tiles with colour compression.
  public static let i915YfTiledCCS = FormatModifier(vendor: 1, code: 5)
  /// Intel, tiles of 128 bytes by 32 lines of later GPUs.
  public static let i915Tile4 = FormatModifier(vendor: 1, code: 9)
}

extension FormatModifier: CustomStringConvertible {
  /// The name in `<drm_fourcc.h>` without its prefix, or the vendor with the number.
  public var description: String {
    switch self {
    case .linear: "LINEAR"
    case .invalid: "INVALID"
    case .i915XTiled: "I915_X_TILED"
    case .i915YTiled: "I915_Y_TILED"
    case .i915YfTiled: "I915_Yf_TILED"
    case .i915YTiledCCS: "I915_Y_TILED_CCS"
    case .i915YfTiledCCS: "I915_Yf_TILED_CCS"
    case .i915Tile4: "I915_4_TILED"
    default: "\(vendorName)(0x\(String(rawValue & 0x00FF_FFFF_FFFF_FFFF, radix: 16)))"
    }
  }

  private var vendorName: String {
    switch rawValue >> 56 {
    case 0: "NONE"
    case 1: "INTEL"
    case 2: "AMD"
    case 3: "NVIDIA"
    case 4: "SAMSUNG"
    case 5: "QCOM"
    case 6: "VIVANTE"
    case 7: "BROADCOM"
    case 8: "ARM"
    case 9: "ALLWINNER"
    case 10: "AMLOGIC"
    case let vendor: "VENDOR_\(vendor)"
    }
  }
}
