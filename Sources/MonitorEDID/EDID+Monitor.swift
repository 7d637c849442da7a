// SPDX-License-Identifier: Apache-2.0

extension EDID {
  /// The EDID of a digital monitor that prefers one mode, by EDID 1.4.
  ///
  /// The timing is that of VESA CVT 1.2 with reduced blanking, version 2, the pixel clock rounded to
  /// the descriptor's 10 kHz; sync pulses come earlier than CVT has them when the descriptor's 6
  /// bits for the vertical front porch demand it. Beside the mode, the EDID names 640x480 at 60 Hz,
  /// which every monitor has, and says that others are not shown (no continuous frequencies, no GTF,
  /// no CVT).
  ///
  /// A detailed timing descriptor has 12 bits for the width, 12 for the height and 16 for the pixel
  /// clock in 10 kHz. So 4096 pixels are one too many for any base block, and nothing goes beyond
  /// 655.35 MHz: 3840x2160 ends at 74.7 Hz.
  ///
  /// - Parameters:
  ///   - mode: 640 to 4095 pixels, 480 to 4095 lines, 30 to 240 Hz.
  ///   - size: of the picture, 100 to 2550 mm each way; by default that of 96 pixels an inch.
  ///   - name: 1 to 13 printable ASCII characters, without a space at either end.
  ///   - serial: the serial number; 0 for none.
  /// - Throws: `EDIDError.notCarried`, `.invalidSize` or `.invalidName`.
  public init(
    mode: DisplayMode, size: PhysicalSize? = nil, name: String = "vgpu", serial: UInt32 = 0
  ) throws(EDIDError) {
    let text = Array(name.utf8)
    guard (1...BaseBlock.nameLength).contains(text.count),
      text.allSatisfy(BaseBlock.isPrintable), text.first != 0x20, text.last != 0x20
    else { throw .invalidName(name) }
    if let size,
      !PhysicalSize.carried.contains(size.width)
        || !PhysicalSize.carried.contains(size.height)
    {
      throw .invalidSize(size)
    }
    let size = size ?? PhysicalSize(at96DPI: mode)
    let timing = try TimingLimits.timing(mode, size: size)
    self.init(block: Self.block(timing, name: name, serial: serial))
  }

  /// The EDID of a mode, or of the nearest mode that one can carry; and that mode.
  ///
  /// - Throws: `EDIDError`.
  public static func nearest(to mode: DisplayMode) throws(EDIDError) -> (EDID, DisplayMode) {
    do {
      return (try EDID(mode: mode), mode)
    } catch {
      guard case .notCarried(_, _, let nearest) = error else { throw error }
      return (try EDID(mode: nearest), nearest)
    }
  }

  private static func block(_ timing: DetailedTiming, name: String, serial: UInt32) -> [UInt8] {
    func centimetres(_ millimetres: Int) -> UInt8 { UInt8(clamping: (millimetres + 5) / 10) }
    var block = BaseBlock.header
    block += BaseBlock.manufacturer("VGP")
    // Product code, serial number: the lowest byte first.
    block += [0x01, 0x00]
    block += (0..<4).map { UInt8(truncatingIfNeeded: serial >> ($0 * 8)) }
    // A model year instead of a week and year of manufacture: 2025.
    block += [0xFF, UInt8(2025 - 1990)]
    block += [1, 4]
    // Digital, 8 bits a colour, by no interface in particular.
    block += [0b1010_0000]
    block += [centimetres(timing.size.width), centimetres(timing.size.height)]
    // Gamma 2.2, in 1/100 above 1.
    block += [120]
    // RGB 4:4:4, sRGB, the preferred timing is the native one, no continuous frequencies.
    block += [0b0000_0110]
    block += BaseBlock.sRGBChromaticity
    // Established timings: 640x480 at 60 Hz.
    block += [0b0010_0000, 0, 0]
    // Eight standard timings that are none.
    block += repeatElement(0x01, count: 16)
    block += timing.bytes
    block += RangeLimits(timing).bytes
    block += BaseBlock.nameDescriptor(name)
    block += BaseBlock.descriptor(BaseBlock.DescriptorTag.dummy, [])
    // No extension blocks.
    block += [0]
    block.append(0 &- block.reduce(0) { $0 &+ $1 })
    return block
  }
}
