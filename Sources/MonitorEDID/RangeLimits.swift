// SPDX-License-Identifier: Apache-2.0

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
      // The minimum may have the offset only where the maximum has it, which order ensures.
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
