// SPDX-License-Identifier: Apache-2.0

import CPNG
public import VGPUDisplay

#if !PNG
  #error("PNGFile needs the trait PNG of swift-vgpu, and libpng-dev")
#endif

/// Pictures as PNG files, by libpng.
public enum PNG {
  /// Why a picture could not be encoded, or bytes not be decoded, in libpng's words.
  public struct Failure: Error, CustomStringConvertible {
    /// libpng's words.
    public let description: String
  }

  /// Encodes a picture, 8 bits a channel, without loss.
  public static func encode(_ picture: Picture) throws(Failure) -> [UInt8] {
    var count = 0
    // Asked without memory, libpng tells how much it needs.
    guard run(picture, nil, &count) == nil, count > 0 else {
      throw Failure(description: "libpng cannot tell the size of the file")
    }
    var bytes = [UInt8](repeating: 0, count: count)
    let message = bytes.withUnsafeMutableBytes { run(picture, $0.baseAddress, &count) }
    if let message { throw Failure(description: message) }
    bytes.removeSubrange(count...)
    return bytes
  }

  private static func run(
    _ picture: Picture, _ memory: UnsafeMutableRawPointer?, _ count: inout Int
  ) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { message in
      let answer = picture.rgb.withUnsafeBytes { rgb in
        vgpu_png_encode(
          rgb.baseAddress, UInt32(picture.width), UInt32(picture.height), memory, &count,
          message.baseAddress)
      }
      guard answer == 0 else { return nil }
      return String(
        decoding: UnsafeRawBufferPointer(message).prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// Decodes a PNG file; what is not 8-bit RGB is converted.
  public static func decode(_ bytes: [UInt8]) throws(Failure) -> Picture {
    var width: UInt32 = 0
    var height: UInt32 = 0
    let isPNG = bytes.withUnsafeBytes {
      vgpu_png_decode($0.baseAddress, $0.count, &width, &height, nil) != 0
    }
    let largest = UInt32(1 << 15)
    guard isPNG, (1...largest).contains(width), (1...largest).contains(height) else {
      throw Failure(description: "not a PNG file of a sensible size")
    }
    var rgb = [UInt8](repeating: 0, count: Int(width) * Int(height) * 3)
    let isWhole = rgb.withUnsafeMutableBytes { rgb in
      bytes.withUnsafeBytes {
        vgpu_png_decode($0.baseAddress, $0.count, &width, &height, rgb.baseAddress) != 0
      }
    }
    guard isWhole, let picture = Picture(width: Int(width), height: Int(height), rgb: rgb) else {
      throw Failure(description: "the PNG file is damaged")
    }
    return picture
  }
}
