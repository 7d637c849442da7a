// SPDX-License-Identifier: Apache-2.0

import DMABuf
import EGLPresenter
import LinuxSystem
import SystemPackage
import VGPUDisplay

/// Draws guests' pictures by the CPU, one pixel of the screen for each pixel of the guest.
enum PictureCopy {
  /// Why the CPU cannot copy a picture; `nil` when it can.
  static func obstacle(_ buffer: PlaneBuffer) -> String? {
    let layout = buffer.layout
    if buffer.lines == nil {
      return "the CPU cannot read pictures in the layout \(layout.modifier)"
    }
    return PixelConversion(layout.format.fourCC) == nil
      ? "the CPU does not convert pixels of the format \(layout.format.fourCC)" : nil
  }

  /// Draws the part of a picture that lies on the screen; the rest of the screen stays as it is.
  ///
  /// - Parameters:
  ///   - buffer: the picture.
  ///   - placement: the picture's place on the screen, pixel for pixel.
  ///   - screen: the screen's memory, XRGB8888.
  ///   - stride: bytes from one of the screen's lines to the next.
  /// - Throws: `SystemCallError` when the picture's memory cannot be read.
  static func draw(
    _ buffer: PlaneBuffer, at placement: Placement,
    on screen: UnsafeMutableRawBufferPointer, stride: Int
  ) throws(SystemCallError) {
    guard let lines = buffer.lines,
      let convert = PixelConversion(buffer.layout.format.fourCC), placement.isOneToOne
    else { return }
    let visible = placement.visible
    let skipped = (visible.x - placement.picture.x) * lines.bytesPerPixel
    let length = visible.width * lines.bytesPerPixel
    try buffer.withPixels { (bytes) throws(SystemCallError) in
      for y in 0..<visible.height {
        let start = lines.start(of: visible.y - placement.picture.y + y) + skipped
        let target = (visible.y + y) * stride + visible.x * 4
        // Both were compared before, but a mistake here would reach memory outside of them.
        guard start >= 0, start + length <= bytes.count, target >= 0,
          target + visible.width * 4 <= screen.count
        else { continue }
        convert.xrgb(
          UnsafeRawBufferPointer(rebasing: bytes[start..<start + length]),
          into: UnsafeMutableRawBufferPointer(
            rebasing: screen[target..<target + visible.width * 4]))
      }
    }
  }
}
