// SPDX-License-Identifier: Apache-2.0

import CEGL
import Glibc
import VGPUDisplay

/// A picture that the GPU has reduced to a number for each block of 16 by 16 pixels. The numbers
/// show changes in a buffer that the CPU cannot read, or only slowly. It needs OpenGL ES 3. The
/// context is current whenever this is made, used or released.
final class PixelDigest {
  /// The numbers of the blocks, of 32 bits each. A block whose pixels change while its number does
  /// not is very unlikely, but possible.
  private var numbers: [UInt8]
  private let readback: PixelReadback
  private let size: PixelSize
  private let program: GLuint
  private let isExternal: Bool
  private let crop: GLint

  private static let side = 16

  /// Makes room for the numbers of pictures of a size.
  ///
  /// - Returns: `nil` when the context is no OpenGL ES 3, or cannot read single pixels of an
  ///   external texture.
  init?(_ size: PixelSize, isExternal: Bool, _ context: RenderContext) throws(GraphicsError) {
    guard vgpu_gl_version() >= 30,
      !isExternal || vgpu_has_gl_extension("GL_OES_EGL_image_external_essl3")
    else { return nil }
    let blocks = PixelSize(
      width: (size.width + Self.side - 1) / Self.side,
      height: (size.height + Self.side - 1) / Self.side)
    self.size = size
    self.isExternal = isExternal
    readback = try PixelReadback(blocks, context)
    numbers = [UInt8](repeating: 0, count: blocks.width * blocks.height * 4)
    program = try ShaderProgram.link(
      vertex: Self.vertexSource, fragment: Self.fragmentSource(isExternal), context)
    vgpu_glUseProgram(program)
    vgpu_glUniform1i(vgpu_glGetUniformLocation(program, "picture"), 0)
    crop = vgpu_glGetUniformLocation(program, "crop")
  }

  deinit {
    vgpu_glDeleteProgram(program)
  }

  /// Whether this digest can be used for a texture.
  func fits(_ texture: Texture, _ size: PixelSize) -> Bool {
    self.size == size && isExternal == texture.isExternal
  }

  /// Whether the pixels of a part of a texture differ from those at the last call. The call waits for
  /// the GPU.
  ///
  /// - Parameter crop: the part, of this digest's size, in the texture's pixels.
  func hasChanged(_ texture: Texture, _ crop: PixelRectangle) -> Bool {
    readback.bind()
    vgpu_glViewport(0, 0, GLsizei(readback.size.width), GLsizei(readback.size.height))
    vgpu_glDisable(GLenum(GL_SCISSOR_TEST))
    vgpu_glDisable(GLenum(GL_BLEND))
    vgpu_glUseProgram(program)
    // Floats have every number of pixels.
    vgpu_glUniform4f(
      self.crop, Float(crop.x), Float(crop.y), Float(crop.x + crop.width),
      Float(crop.y + crop.height))
    texture.bind(.nearest)
    vgpu_glDrawArrays(GLenum(GL_TRIANGLE_STRIP), 0, 4)
    let read = readback.read()
    defer { numbers = read }
    return read != numbers
  }

  private static let vertexSource = """
    #version 300 es
    in vec2 corner;
    void main() {
      gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
    }
    """

  private static func fragmentSource(_ isExternal: Bool) -> String {
    """
    #version 300 es
    \(isExternal ? "#extension GL_OES_EGL_image_external_essl3 : require" : "")
    precision highp float;
    precision highp int;
    uniform highp \(isExternal ? "samplerExternalOES" : "sampler2D") picture;
    uniform vec4 crop;
    out vec4 number;
    void main() {
      ivec2 first = ivec2(crop.xy) + ivec2(gl_FragCoord.xy) * \(side);
      ivec2 last = min(first + \(side), ivec2(crop.zw));
      uint sum = 2166136261u;
      for (int y = first.y; y < last.y; y++) {
        for (int x = first.x; x < last.x; x++) {
          uvec4 bits = floatBitsToUint(texelFetch(picture, ivec2(x, y), 0));
          sum = (sum ^ bits.r ^ (bits.g << 11 | bits.g >> 21) ^ (bits.b << 22 | bits.b >> 10))
            * 16777619u;
          sum ^= sum >> 15;
        }
      }
      uvec4 bytes = uvec4(sum, sum >> 8, sum >> 16, sum >> 24) & 255u;
      number = vec4(bytes) / 255.0;
    }
    """
  }
}
