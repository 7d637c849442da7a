// SPDX-License-Identifier: Apache-2.0

/// Where what stands in a base block (VESA E-EDID 1.4, section 3), and the parts that are the same
/// for every monitor of ours.
enum BaseBlock {
  static let header: [UInt8] = [0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0]
  /// The byte with the version; its revision follows.
  static let version = 18
  /// The byte of feature flags (section 3.6.4).
  static let features = 24
  /// In it: the first detailed timing is the preferred one. EDID 1.4 has no other, and uses the bit
  /// for whether that is the native one too.
  static let isPreferred: UInt8 = 0b10
  /// The bytes at which the four descriptors begin.
  static let descriptors = [54, 72, 90, 108]
  static let nameLength = 13

  enum DescriptorTag {
    static let name: UInt8 = 0xFC
    static let rangeLimits: UInt8 = 0xFD
    static let dummy: UInt8 = 0x10
  }

  /// Three letters of five bits each, A being 1.
  static func manufacturer(_ letters: StaticString) -> [UInt8] {
    let packed = letters.withUTF8Buffer { text in
      text.prefix(3).reduce(UInt16(0)) { $0 << 5 | UInt16($1 & 0x1F) }
    }
    return [UInt8(packed >> 8), UInt8(packed & 0xFF)]
  }

  /// The sRGB primaries and white point, x and y each in 1/1024: first the two lowest bits of all,
  /// then the eight highest of each (section 3.7).
  static let sRGBChromaticity: [UInt8] = {
    let coordinates = [0.640, 0.330, 0.300, 0.600, 0.150, 0.060, 0.3127, 0.3290]
    let values = coordinates.map { Int(($0 * 1024).rounded()) }
    func lowBits(_ range: Range<Int>) -> UInt8 {
      values[range].reduce(0) { $0 << 2 | UInt8($1 & 3) }
    }
    return [lowBits(0..<4), lowBits(4..<8)] + values.map { UInt8($0 >> 2) }
  }()

  /// A descriptor that is no timing (section 3.10.3).
  static func descriptor(
    _ tag: UInt8, offsets: UInt8 = 0, _ payload: some Collection<UInt8>
  ) -> [UInt8] {
    let padding = repeatElement(UInt8(0), count: nameLength - payload.count)
    return [0, 0, 0, tag, offsets] + payload + padding
  }

  /// Text ends with a line feed when it is shorter than its field, and is filled up with spaces.
  static func nameDescriptor(_ name: String) -> [UInt8] {
    var text = Array(name.utf8)
    if text.count < nameLength { text.append(0x0A) }
    text += repeatElement(0x20, count: nameLength - text.count)
    return descriptor(DescriptorTag.name, text)
  }

  static func name(_ descriptor: ArraySlice<UInt8>) -> String? {
    guard descriptor.prefix(4) == [0, 0, 0, DescriptorTag.name] else { return nil }
    // Others end it with a zero or a carriage return, or fill the field up with FF.
    var text = descriptor.dropFirst(5).prefix { $0 != 0x0A && $0 != 0 }
    while let last = text.last, last == 0x20 || !isPrintable(last) { text.removeLast() }
    guard !text.isEmpty else { return nil }
    let printable = text.map { isPrintable($0) ? $0 : UInt8(ascii: "?") }
    return String(decoding: printable, as: UTF8.self)
  }

  static func isPrintable(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) }
}

/// The display range limits descriptor (VESA E-EDID 1.4, section 3.10.3.3), in the form of a
/// monitor that shows the modes it lists and no others.
struct RangeLimits {
  /// In Hz.
  private let vertical: ClosedRange<Int>
  /// In kHz.
  private let horizontal: ClosedRange<Int>
  /// In units of 10 MHz.
  private let pixelClock: Int

  /// The limits within which lie a timing and 640x480 at 60 Hz, the established timing that every
  /// monitor has (59.94 Hz, 31.47 kHz, 25.175 MHz).
  init(_ timing: DetailedTiming) {
    func whole(_ value: Double, and range: ClosedRange<Int>) -> ClosedRange<Int> {
      min(
        Int(value.rounded(.down)), range.lowerBound)...max(
          Int(value.rounded(.up)), range.upperBound)
    }
    vertical = whole(timing.refreshRate, and: 59...60)
    horizontal = whole(timing.lineRate / 1000, and: 31...32)
    pixelClock = (max(timing.pixelClock, 2518) + 999) / 1000
  }

  var bytes: [UInt8] {
    /// Above 255 the byte is what the value is more than 255, and a flag says so.
    func split(_ value: Int) -> (byte: UInt8, flag: UInt8) {
      let offset = value > 255
      return (UInt8(clamping: offset ? value - 255 : value), offset ? 1 : 0)
    }
    func flags(_ range: ClosedRange<Int>) -> UInt8 {
      // The minimum may have the offset only when the maximum has it, which order ensures.
      split(range.upperBound).flag << 1 | split(range.lowerBound).flag
    }
    let rangeLimitsOnly: UInt8 = 1
    return BaseBlock.descriptor(
      BaseBlock.DescriptorTag.rangeLimits, offsets: flags(horizontal) << 2 | flags(vertical),
      [
        split(vertical.lowerBound).byte, split(vertical.upperBound).byte,
        split(horizontal.lowerBound).byte, split(horizontal.upperBound).byte,
        UInt8(clamping: pixelClock), rangeLimitsOnly, 0x0A, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
      ])
  }
}
