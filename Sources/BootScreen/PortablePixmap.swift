// SPDX-License-Identifier: Apache-2.0

/// A picture in the PPM format (ppm(5)), as QEMU's `screendump` writes it: binary, 8 bits a sample.
/// The guest controls its bytes, so every number is checked before use.
struct PortablePixmap {
  let width: Int
  let height: Int
  /// Red, green and blue of each pixel, line by line.
  private let samples: ArraySlice<UInt8>

  /// No firmware's screen has more pixels.
  static let mostPixels = 4096 * 4096
  /// The longest file that is read: the largest picture and its header.
  static let longestFile = mostPixels * 3 + 64

  /// - Returns: `nil` for a file of another kind, for a cut file, and for a picture that is too
  ///   large.
  init?(_ bytes: [UInt8]) {
    guard bytes.starts(with: [0x50, 0x36]) else { return nil }
    var rest = bytes.dropFirst(2)
    guard let width = rest.takeNumber(), let height = rest.takeNumber(),
      let highest = rest.takeNumber(), highest == 255, rest.takeSpace(),
      width > 0, height > 0, width <= Self.mostPixels / height,
      rest.count == width * height * 3
    else { return nil }
    self.width = width
    self.height = height
    samples = rest
  }

  /// Writes the picture as XRGB8888 with no space between the lines. `bytes` must have room for it.
  func write(to bytes: UnsafeMutableRawBufferPointer) {
    samples.withUnsafeBufferPointer { samples in
      for pixel in 0..<min(width * height, bytes.count / 4) {
        let red = UInt32(samples[pixel * 3])
        let green = UInt32(samples[pixel * 3 + 1])
        let blue = UInt32(samples[pixel * 3 + 2])
        let value = red << 16 | green << 8 | blue
        bytes.storeBytes(of: value.littleEndian, toByteOffset: pixel * 4, as: UInt32.self)
      }
    }
  }
}

extension ArraySlice<UInt8> {
  /// White space, then a decimal number with at most as many digits as the largest side.
  fileprivate mutating func takeNumber() -> Int? {
    guard takeSpace() else { return nil }
    var number = 0
    var count = 0
    while let digit = first, (0x30...0x39).contains(digit), count < 5 {
      number = number * 10 + Int(digit - 0x30)
      count += 1
      removeFirst()
    }
    return count == 0 ? nil : number
  }

  /// One blank or line feed.
  fileprivate mutating func takeSpace() -> Bool {
    guard let byte = first, byte == 0x20 || byte == 0x0A else { return false }
    removeFirst()
    return true
  }
}
