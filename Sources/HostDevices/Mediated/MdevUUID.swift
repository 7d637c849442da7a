// SPDX-License-Identifier: Apache-2.0

import SafeText

/// The UUID that names an mdev, in the text form of RFC 4122: 8-4-4-4-12 hexadecimal digits.
///
/// The kernel takes both cases and any version, and writes lower case in sysfs. `description` and
/// JSON have lower case too.
public struct MdevUUID: Hashable, Sendable {
  /// The first eight bytes; the first byte is the highest.
  public let high: UInt64
  /// The last eight bytes.
  public let low: UInt64

  /// Makes a UUID from its two halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Reads a UUID that a person or a file gave.
  ///
  /// - Throws: `HostDevicesError.invalidUUID` when `text` is not 8-4-4-4-12 hexadecimal digits.
  public init(parsing text: String) throws(HostDevicesError) {
    guard let uuid = MdevUUID(text) else { throw .invalidUUID(text) }
    self = uuid
  }

  /// A new random UUID (RFC 4122, version 4).
  public static func random() -> MdevUUID {
    var generator = SystemRandomNumberGenerator()
    return random(using: &generator)
  }

  /// A new random UUID (RFC 4122, version 4) from the given generator's numbers.
  public static func random(using generator: inout some RandomNumberGenerator) -> MdevUUID {
    let version: UInt64 = 0x4000
    let variant: UInt64 = 0x8000_0000_0000_0000
    return MdevUUID(
      high: generator.next() & 0xffff_ffff_ffff_0fff | version,
      low: generator.next() & 0x3fff_ffff_ffff_ffff | variant)
  }
}

extension MdevUUID: LosslessStringConvertible {
  /// Reads 8-4-4-4-12 hexadecimal digits in either case; `nil` for anything else.
  public init?(_ text: String) {
    guard let halves = uuidHalves(text) else { return nil }
    self.init(high: halves.high, low: halves.low)
  }

  /// The canonical text, in lower case.
  public var description: String { uuidText(high: high, low: low) }
}

extension MdevUUID: Comparable {
  /// The order of the UUIDs' texts.
  public static func < (left: MdevUUID, right: MdevUUID) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}

extension MdevUUID: TextCodable {}
