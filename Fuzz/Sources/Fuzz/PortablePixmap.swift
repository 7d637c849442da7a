// SPDX-License-Identifier: Apache-2.0

@testable import BootScreen

extension Target {
  /// QEMU's own screen as its `screendump` writes it.
  static let pixmap = Target(name: "ppm") { bytes in
    guard let picture = PortablePixmap(bytes) else { return }
    precondition(picture.width * picture.height * 3 <= bytes.count)
    let pixels = UnsafeMutableRawBufferPointer.allocate(
      byteCount: picture.width * picture.height * 4, alignment: 4)
    picture.write(to: pixels)
    pixels.deallocate()
  }
}
