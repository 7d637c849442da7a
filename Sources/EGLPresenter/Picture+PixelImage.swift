// SPDX-License-Identifier: Apache-2.0

public import VGPUDisplay

extension Picture {
  /// A picture that the GPU has drawn, without its alpha.
  public init?(_ image: PixelImage) {
    var rgb: [UInt8] = []
    rgb.reserveCapacity(image.width * image.height * 3)
    for offset in stride(from: 0, to: image.rgba.count, by: 4) {
      rgb += image.rgba[offset..<offset + 3]
    }
    self.init(width: image.width, height: image.height, rgb: rgb)
  }
}
