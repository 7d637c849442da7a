// SPDX-License-Identifier: Apache-2.0

import CEGL
import DMABuf

/// How GL takes a pixel format from memory (the `format` and `type` of glTexSubImage2D).
///
/// Every format is taken as red first, and those with blue in the lowest bits are put right by the
/// shader: that needs no extension. All of them are little-endian words or bytes, as DRM defines
/// them.
struct PixelTransfer: Equatable {
  let internalFormat: GLenum
  let format: GLenum
  let type: GLenum
  let bytesPerPixel: Int
  /// GL reads blue as red and red as blue.
  let isSwapped: Bool

  /// `nil` for a format that is no plain RGB, or that OpenGL ES 2 cannot take.
  init?(_ format: PixelFormat, isES3: Bool) {
    switch format.fourCC {
    case .xrgb8888, .argb8888:
      self.init(GL_RGBA, isES3 ? GL_RGBA8 : GL_RGBA, GL_UNSIGNED_BYTE, 4, isSwapped: true)
    case .xbgr8888, .abgr8888:
      self.init(GL_RGBA, isES3 ? GL_RGBA8 : GL_RGBA, GL_UNSIGNED_BYTE, 4, isSwapped: false)
    case .rgb888:
      self.init(GL_RGB, isES3 ? GL_RGB8 : GL_RGB, GL_UNSIGNED_BYTE, 3, isSwapped: true)
    case .rgb565:
      self.init(GL_RGB, isES3 ? GL_RGB565 : GL_RGB, GL_UNSIGNED_SHORT_5_6_5, 2, isSwapped: false)
    case .xrgb2101010 where isES3:
      self.init(GL_RGBA, GL_RGB10_A2, GL_UNSIGNED_INT_2_10_10_10_REV, 4, isSwapped: true)
    case .xbgr2101010 where isES3:
      self.init(GL_RGBA, GL_RGB10_A2, GL_UNSIGNED_INT_2_10_10_10_REV, 4, isSwapped: false)
    default:
      return nil
    }
  }

  private init(
    _ format: Int32, _ internalFormat: Int32, _ type: Int32, _ bytesPerPixel: Int, isSwapped: Bool
  ) {
    self.format = GLenum(format)
    self.internalFormat = GLenum(internalFormat)
    self.type = GLenum(type)
    self.bytesPerPixel = bytesPerPixel
    self.isSwapped = isSwapped
  }
}
