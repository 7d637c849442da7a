// SPDX-License-Identifier: Apache-2.0

import CEGL
import VGPUDisplay

/// A linked GL program that draws one texture into a rectangle. The context is current whenever
/// this is made, used or released.
final class ShaderProgram {
  /// The properties that distinguish the programs.
  struct Variant: Hashable {
    var isExternal = false
    var isSwapped = false
    /// The texture's alpha counts: it is a cursor.
    var isTranslucent = false
    /// The picture is a part of the texture, and the rest must not be seen at its edges.
    var isCropped = false

    /// 0 to `count - 1`.
    var index: Int {
      (isExternal ? 1 : 0) | (isSwapped ? 2 : 0) | (isTranslucent ? 4 : 0) | (isCropped ? 8 : 0)
    }
    static let count = 16
  }

  private let program: GLuint
  private let rectangle: GLint
  private let part: GLint
  /// -1 when there are no edges within the texture.
  private let edges: GLint

  init(_ variant: Variant, _ context: RenderContext) throws(GraphicsError) {
    let program = try Self.link(
      vertex: Self.vertexSource, fragment: Self.fragmentSource(variant), context)
    self.program = program
    rectangle = vgpu_glGetUniformLocation(program, "rectangle")
    part = vgpu_glGetUniformLocation(program, "part")
    edges = vgpu_glGetUniformLocation(program, "edges")
    vgpu_glUseProgram(program)
    vgpu_glUniform1i(vgpu_glGetUniformLocation(program, "picture"), 0)
  }

  deinit {
    vgpu_glDeleteProgram(program)
  }

  /// Draws a part of the bound texture into a rectangle of the target.
  func draw(_ part: TexturePart, _ rectangle: PixelRectangle, on target: RenderTarget) {
    vgpu_glUseProgram(program)
    show(part)
    let width = 2 / Float(target.size.width)
    let height = 2 / Float(target.size.height)
    let x = Float(rectangle.x) * width - 1
    let y = Float(rectangle.y) * height - 1
    let downwards: Float = target.isTopDown ? 1 : -1
    vgpu_glUniform4f(
      self.rectangle, x, y * downwards, Float(rectangle.width) * width,
      Float(rectangle.height) * height * downwards)
    vgpu_glDrawArrays(GLenum(GL_TRIANGLE_STRIP), 0, 4)
  }

  /// Chooses the part of the texture.
  private func show(_ part: TexturePart) {
    let (crop, size) = (part.crop, part.texture)
    let (width, height) = (Float(size.width), Float(size.height))
    let top = Float(crop.y) / height
    let length = Float(crop.height) / height
    vgpu_glUniform4f(
      self.part, Float(crop.x) / width, part.isUpsideDown ? top + length : top,
      Float(crop.width) / width, part.isUpsideDown ? -length : length)
    guard edges >= 0 else { return }
    // The middles of the outermost pixels: no other pixel takes part in a colour there.
    vgpu_glUniform4f(
      edges, (Float(crop.x) + 0.5) / width, (Float(crop.y) + 0.5) / height,
      (Float(crop.x + crop.width) - 0.5) / width, (Float(crop.y + crop.height) - 0.5) / height)
  }

  /// A program of two shaders. Attribute 0 has the corners of the vertices.
  static func link(
    vertex: String, fragment: String, _ context: RenderContext
  ) throws(GraphicsError) -> GLuint {
    let program = vgpu_glCreateProgram()
    do throws(GraphicsError) {
      try attach(GL_VERTEX_SHADER, vertex, to: program, context)
      try attach(GL_FRAGMENT_SHADER, fragment, to: program, context)
      vgpu_glBindAttribLocation(program, 0, "corner")
      vgpu_glLinkProgram(program)
      var isLinked: GLint = 0
      vgpu_glGetProgramiv(program, GLenum(GL_LINK_STATUS), &isLinked)
      guard isLinked == GL_TRUE else {
        let log = log { vgpu_glGetProgramInfoLog(program, $0, nil, $1) }
        throw GraphicsError(.unavailable, context.name, "glLinkProgram: \(log)")
      }
    } catch {
      vgpu_glDeleteProgram(program)
      throw error
    }
    return program
  }

  private static func attach(
    _ type: Int32, _ source: String, to program: GLuint, _ context: RenderContext
  ) throws(GraphicsError) {
    let shader = vgpu_glCreateShader(GLenum(type))
    // The program keeps the shader as long as the shader is attached.
    defer { vgpu_glDeleteShader(shader) }
    source.withCString { vgpu_glShaderSource(shader, $0) }
    vgpu_glCompileShader(shader)
    var isCompiled: GLint = 0
    vgpu_glGetShaderiv(shader, GLenum(GL_COMPILE_STATUS), &isCompiled)
    guard isCompiled == GL_TRUE else {
      let log = log { vgpu_glGetShaderInfoLog(shader, $0, nil, $1) }
      throw GraphicsError(.unavailable, context.name, "glCompileShader: \(log)")
    }
    vgpu_glAttachShader(program, shader)
  }

  private static func log(_ get: (GLsizei, UnsafeMutablePointer<GLchar>?) -> Void) -> String {
    var characters = [GLchar](repeating: 0, count: 1024)
    characters.withUnsafeMutableBufferPointer { get(GLsizei($0.count), $0.baseAddress) }
    let bytes = characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").joined(separator: " ")
  }

  private static let vertexSource = """
    #version 100
    attribute vec2 corner;
    uniform vec4 rectangle;
    uniform vec4 part;
    varying vec2 point;
    void main() {
      point = part.xy + corner * part.zw;
      gl_Position = vec4(rectangle.xy + corner * rectangle.zw, 0.0, 1.0);
    }
    """

  private static func fragmentSource(_ variant: Variant) -> String {
    let place = variant.isCropped ? "clamp(point, edges.xy, edges.zw)" : "point"
    let colour = variant.isSwapped ? "pixel.bgr" : "pixel.rgb"
    // High precision when the GPU has it, because medium precision cannot tell the pixels of a wide
    // picture apart.
    return """
      #version 100
      \(variant.isExternal ? "#extension GL_OES_EGL_image_external : require" : "")
      #ifdef GL_FRAGMENT_PRECISION_HIGH
      precision highp float;
      #else
      precision mediump float;
      #endif
      uniform \(variant.isExternal ? "samplerExternalOES" : "sampler2D") picture;
      \(variant.isCropped ? "uniform vec4 edges;" : "")
      varying vec2 point;
      void main() {
        vec4 pixel = texture2D(picture, \(place));
        gl_FragColor = vec4(\(colour), \(variant.isTranslucent ? "pixel.a" : "1.0"));
      }
      """
  }
}

/// The target of a drawing: the window's own framebuffer, or one in memory.
struct RenderTarget {
  var size: PixelSize
  /// Whether the first line in memory is the upper one, as in a picture; in a window it is the
  /// lower one.
  var isTopDown: Bool

  /// A rectangle's y as GL counts it, from the first line in memory.
  func scissorY(_ rectangle: PixelRectangle) -> Int {
    isTopDown ? rectangle.y : size.height - rectangle.y - rectangle.height
  }
}
