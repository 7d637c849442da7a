// SPDX-License-Identifier: Apache-2.0

import VGPUDisplay

/// What is drawn on: the window's own framebuffer, or one in memory.
struct RenderTarget {
  var size: PixelSize
  /// The first line in memory is the upper one, as in a picture; a window's is the lower one.
  var isTopDown: Bool

  /// A rectangle's y as GL counts it, from the first line in memory.
  func scissorY(_ rectangle: PixelRectangle) -> Int {
    isTopDown ? rectangle.y : size.height - rectangle.y - rectangle.height
  }
}
