// SPDX-License-Identifier: Apache-2.0

/// How GL is told of the distance between lines: GL_UNPACK_ROW_LENGTH, in pixels, whose bytes GL
/// rounds up to a multiple of GL_UNPACK_ALIGNMENT. Not every stride can be told that way.
struct UnpackLayout: Equatable {
  /// Pixels; zero for the picture's own width.
  let rowLength: Int
  let alignment: Int

  /// `nil` when lines must be handed over one by one.
  ///
  /// - Parameters:
  ///   - width: pixels.
  ///   - stride: bytes; at least a line's.
  ///   - hasRowLength: GL_UNPACK_ROW_LENGTH exists: OpenGL ES 3, or GL_EXT_unpack_subimage.
  init?(width: Int, stride: Int, bytesPerPixel: Int, hasRowLength: Bool) {
    // Renderers count a line's bytes in 32 bits, and one that long is best handed over alone.
    guard stride <= Int(Int32.max) else { return nil }
    let length = hasRowLength ? stride / bytesPerPixel : width
    for alignment in [1, 2, 4, 8] {
      let line = (length * bytesPerPixel + alignment - 1) / alignment * alignment
      if line == stride {
        rowLength = length == width ? 0 : length
        self.alignment = alignment
        return
      }
    }
    return nil
  }
}
