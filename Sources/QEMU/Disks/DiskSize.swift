// SPDX-License-Identifier: Apache-2.0

import SafeText

/// The size of a disk that is made for a guest.
public struct DiskSize: Hashable, Sendable {
  /// The size in bytes: a whole number of MiB.
  public let bytes: Int

  /// The sizes that a new disk can have, in MiB: 1 MiB to 64 TiB.
  public static let mebibytes = 1...1 << 26

  /// - Parameter mebibytes: the size in MiB; `nil` for one that no new disk can have.
  public init?(mebibytes: Int) {
    guard Self.mebibytes.contains(mebibytes) else { return nil }
    bytes = mebibytes << 20
  }
}

extension DiskSize: LosslessStringConvertible {
  /// Reads a number with its unit, `512M`, `64G` or `2T` (powers of 1024).
  public init?(_ text: String) {
    let shifts = ["M": 0, "G": 10, "T": 20]
    guard let unit = text.last, let shift = shifts[unit.uppercased()],
      let number = decimalNumber(text.dropLast()), number <= Self.mebibytes.upperBound >> shift
    else { return nil }
    self.init(mebibytes: number << shift)
  }

  /// The text that `init(_:)` reads, in the largest unit that gives a whole number.
  public var description: String {
    let number = bytes >> 20
    if number % (1 << 20) == 0 { return "\(number >> 20)T" }
    return number % 1024 == 0 ? "\(number >> 10)G" : "\(number)M"
  }
}
