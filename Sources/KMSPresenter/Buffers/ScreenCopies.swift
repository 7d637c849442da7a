// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import Glibc
import LinuxSystem
import VGPUDisplay

/// Two pictures of a screen's size, of which one is shown while the CPU draws the other.
final class ScreenCopies {
  let size: PixelSize
  private let buffers: [DumbBuffer]
  /// What each buffer has a picture at; the rest of it is black.
  private var drawn: [PixelRectangle?] = [nil, nil]
  private var next = 0

  /// - Throws: `SystemCallError` when the card has no memory left.
  init(_ size: PixelSize, on card: Card) throws(SystemCallError) {
    self.size = size
    buffers = [try DumbBuffer(size, on: card), try DumbBuffer(size, on: card)]
  }

  /// Draws a picture into the buffer that is not shown. The caller shows it before the next drawing.
  ///
  /// - Throws: `SystemCallError` when the picture's memory cannot be read.
  func draw(
    _ buffer: PlaneBuffer, at placement: Placement
  ) throws(SystemCallError) -> Framebuffer {
    try drawNext(at: placement.visible) { (bytes, stride) throws(SystemCallError) in
      try PictureCopy.draw(buffer, at: placement, on: bytes, stride: stride)
    }
  }

  /// Makes the buffer that is not shown black.
  ///
  /// - Throws: `SystemCallError` when the card has gone.
  func blank() throws(SystemCallError) -> Framebuffer {
    try drawNext(at: nil) { (_, _) throws(SystemCallError) in }
  }

  private func drawNext(
    at place: PixelRectangle?,
    _ body: (UnsafeMutableRawBufferPointer, Int) throws(SystemCallError) -> Void
  ) throws(SystemCallError) -> Framebuffer {
    let buffer = buffers[next]
    let old = drawn[next]
    // Known again only when it is drawn to the end.
    drawn[next] = size.whole
    try buffer.draw { (bytes) throws(SystemCallError) in
      if let old, old != place, let start = bytes.baseAddress { memset(start, 0, bytes.count) }
      try body(bytes, buffer.stride)
    }
    drawn[next] = place
    next = 1 - next
    return buffer.framebuffer
  }
}
