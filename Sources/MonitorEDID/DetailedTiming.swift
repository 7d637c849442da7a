// SPDX-License-Identifier: Apache-2.0

/// A detailed timing descriptor: the 18 bytes of VESA E-EDID 1.4, section 3.10.2.
struct DetailedTiming: Hashable {
  static let byteCount = 18

  /// In units of 10 kHz.
  var pixelClock: Int
  var horizontal: Axis
  var vertical: Axis
  var size: PhysicalSize
  var isInterlaced = false

  /// One direction of the scan, in pixels or in lines.
  struct Axis: Hashable {
    var active: Int
    var blanking: Int
    /// From the picture's end to the sync pulse.
    var frontPorch: Int
    var sync: Int

    var total: Int { active + blanking }
  }

  /// The highest values that the descriptor's fields hold.
  enum Limit {
    static let pixelClock = 0xFFFF
    /// 12 bits: a width of 4096 does not fit.
    static let active = 0xFFF
    /// 6 bits; the horizontal one has 10.
    static let verticalFrontPorch = 0x3F
  }

  /// A descriptor that was never filled in lies below it, a monitor does not.
  private enum Lowest {
    static let pixelClock = 1000
    static let active = 64
  }

  /// In Hz.
  var lineRate: Double { Double(pixelClock) * 10_000 / Double(horizontal.total) }

  /// In Hz; of an interlaced timing the fields.
  var refreshRate: Double { lineRate / (Double(vertical.total) + (isInterlaced ? 0.5 : 0)) }

  /// The descriptor's bytes. The sync signals are digital and separate, the horizontal one
  /// positive, the vertical one negative: what reduced blanking is known by.
  var bytes: [UInt8] {
    [
      low(pixelClock), low(pixelClock >> 8),
      low(horizontal.active), low(horizontal.blanking),
      high(horizontal.active, horizontal.blanking),
      low(vertical.active), low(vertical.blanking),
      high(vertical.active, vertical.blanking),
      low(horizontal.frontPorch), low(horizontal.sync),
      low((vertical.frontPorch & 0xF) << 4 | vertical.sync & 0xF),
      low(
        (horizontal.frontPorch >> 8) << 6 | (horizontal.sync >> 8) << 4
          | (vertical.frontPorch >> 4) << 2 | vertical.sync >> 4),
      low(size.width), low(size.height), high(size.width, size.height),
      0, 0,
      isInterlaced ? 0x9A : 0x1A,
    ]
  }

  /// - Returns: `nil` when the bytes are a descriptor of another kind, when they were never filled in,
  ///   and when they are a timing that no monitor has: a pixel clock below 10 MHz, a side below 64
  ///   pixels, no sync pulse, no blanking.
  init?(parsing bytes: ArraySlice<UInt8>) {
    guard bytes.count == Self.byteCount, !bytes.allSatisfy({ $0 == bytes.first }) else {
      return nil
    }
    let byte = bytes.map(Int.init)
    /// Bits `shift` and up of a byte that several fields share.
    func shared(_ index: Int, _ shift: Int, mask: Int) -> Int { (byte[index] >> shift) & mask }
    pixelClock = byte[0] | byte[1] << 8
    horizontal = Axis(
      active: byte[2] | shared(4, 4, mask: 0xF) << 8,
      blanking: byte[3] | shared(4, 0, mask: 0xF) << 8,
      frontPorch: byte[8] | shared(11, 6, mask: 3) << 8,
      sync: byte[9] | shared(11, 4, mask: 3) << 8)
    vertical = Axis(
      active: byte[5] | shared(7, 4, mask: 0xF) << 8,
      blanking: byte[6] | shared(7, 0, mask: 0xF) << 8,
      frontPorch: shared(10, 4, mask: 0xF) | shared(11, 2, mask: 3) << 4,
      sync: shared(10, 0, mask: 0xF) | shared(11, 0, mask: 3) << 4)
    size = PhysicalSize(
      width: byte[12] | shared(14, 4, mask: 0xF) << 8,
      height: byte[13] | shared(14, 0, mask: 0xF) << 8)
    isInterlaced = byte[17] & 0x80 != 0
    guard pixelClock >= Lowest.pixelClock,
      [horizontal, vertical].allSatisfy({
        $0.active >= Lowest.active && $0.sync > 0 && $0.blanking > 0
      })
    else { return nil }
  }

  init(pixelClock: Int, horizontal: Axis, vertical: Axis, size: PhysicalSize) {
    self.pixelClock = pixelClock
    self.horizontal = horizontal
    self.vertical = vertical
    self.size = size
  }
}

/// The bits above the eight lowest of two values of 12 bits.
private func high(_ first: Int, _ second: Int) -> UInt8 { low((first >> 8) << 4 | second >> 8) }

private func low(_ value: Int) -> UInt8 { UInt8(truncatingIfNeeded: value) }
