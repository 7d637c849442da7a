// SPDX-License-Identifier: Apache-2.0

/// Names a vGPU of a bridge: an mdev's UUID, or a random one for a guest that has no mdev.
public struct VGPUIdentifier: Hashable, Sendable {
  /// The first eight bytes, the first of them highest.
  public let high: UInt64
  /// The last eight bytes.
  public let low: UInt64

  /// Makes an identifier of its two halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Stands for the only vGPU that a client may see: all bytes zero.
  public static let only = VGPUIdentifier(high: 0, low: 0)
}

extension VGPUIdentifier: LosslessStringConvertible {
  /// Reads a UUID's text form, 8-4-4-4-12 hexadecimal digits; `nil` for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.utf8.count) == [8, 4, 4, 4, 12],
      text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || Character(UnicodeScalar($0)).isHexDigit })
    else { return nil }
    let digits = parts.joined()
    guard let high = UInt64(digits.prefix(16), radix: 16),
      let low = UInt64(digits.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }

  /// The UUID's text form in lower case.
  public var description: String {
    let digits = [high, low].map { half in
      let text = String(half, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }
    .joined()
    var rest = Substring(digits)
    return [8, 4, 4, 4, 12].map { count in
      defer { rest = rest.dropFirst(count) }
      return String(rest.prefix(count))
    }
    .joined(separator: "-")
  }
}
