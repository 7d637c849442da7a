// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import EGLPresenter

@Suite struct UnpackLayoutTests {
  /// The distance between lines by the rule of OpenGL ES 3.2, chapter 8.4.4.1.
  private func stride(_ layout: UnpackLayout, width: Int, bytesPerPixel: Int) -> Int {
    let length = (layout.rowLength > 0 ? layout.rowLength : width) * bytesPerPixel
    return (length + layout.alignment - 1) / layout.alignment * layout.alignment
  }

  @Test(arguments: [2, 3, 4])
  func isExactWhereThereIsOne(bytesPerPixel: Int) {
    for width in 1...70 {
      for padding in 0...40 {
        let distance = width * bytesPerPixel + padding
        for hasRowLength in [false, true] {
          let layout = UnpackLayout(
            width: width, stride: distance, bytesPerPixel: bytesPerPixel,
            hasRowLength: hasRowLength)
          if let layout {
            #expect(stride(layout, width: width, bytesPerPixel: bytesPerPixel) == distance)
            #expect(hasRowLength || layout.rowLength == 0)
          } else {
            #expect(padding > 0)
          }
        }
      }
    }
  }

  @Test func tellsKnownStrides() {
    let layout = UnpackLayout(width: 1366, stride: 5504, bytesPerPixel: 4, hasRowLength: true)
    #expect(layout?.rowLength == 1376)
    #expect(layout?.alignment == 1)
    #expect(UnpackLayout(width: 63, stride: 192, bytesPerPixel: 3, hasRowLength: true) != nil)
    #expect(UnpackLayout(width: 63, stride: 1001, bytesPerPixel: 4, hasRowLength: true) == nil)
  }

  /// Renderers count a line's bytes in 32 bits.
  @Test func linesThatAreTooFarApartAreHandedOverOneByOne() {
    let most = Int(Int32.max) - 3
    for (stride, isTold) in [(most, true), (most + 4, false), (Int(UInt32.max) - 3, false)] {
      let layout = UnpackLayout(width: 1, stride: stride, bytesPerPixel: 4, hasRowLength: true)
      #expect((layout != nil) == isTold, "\(stride)")
    }
  }
}
