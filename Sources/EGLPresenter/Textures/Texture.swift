// SPDX-License-Identifier: Apache-2.0

import CEGL
import DMABuf
import VGPUDisplay

#if !EGL
  #error("EGLPresenter needs the trait EGL of swift-vgpu, with libepoxy-dev and libxxhash-dev")
#endif

/// A GL texture and the way to sample it. It belongs to a context, which is current when this is
/// made and released.
final class Texture {
  let name: GLuint
  let target: GLenum
  /// Blue and red are to be exchanged.
  let isSwapped: Bool
  private var filter: Placement.Filter?

  init(target: Int32, isSwapped: Bool) {
    var name: GLuint = 0
    vgpu_glGenTextures(1, &name)
    self.name = name
    self.target = GLenum(target)
    self.isSwapped = isSwapped
    vgpu_glBindTexture(self.target, name)
    vgpu_glTexParameteri(self.target, GLenum(GL_TEXTURE_WRAP_S), GL_CLAMP_TO_EDGE)
    vgpu_glTexParameteri(self.target, GLenum(GL_TEXTURE_WRAP_T), GL_CLAMP_TO_EDGE)
  }

  deinit {
    withUnsafePointer(to: name) { vgpu_glDeleteTextures(1, $0) }
  }

  var isExternal: Bool { target == GLenum(GL_TEXTURE_EXTERNAL_OES) }

  /// Binding also makes other programs' changes to an imported buffer visible.
  func bind(_ filter: Placement.Filter) {
    vgpu_glBindTexture(target, name)
    guard filter != self.filter else { return }
    self.filter = filter
    let value = filter == .nearest ? GL_NEAREST : GL_LINEAR
    vgpu_glTexParameteri(target, GLenum(GL_TEXTURE_MIN_FILTER), value)
    vgpu_glTexParameteri(target, GLenum(GL_TEXTURE_MAG_FILTER), value)
  }
}

/// A buffer imported as an `EGLImage` and bound to a texture. The image holds the memory by itself;
/// the buffer's descriptor is needed only for making the image.
final class ImportedImage {
  let texture: Texture
  private let image: EGLImageKHR
  private let connection: EGLConnection

  /// eglCreateImage with EGL_LINUX_DMA_BUF_EXT, then glEGLImageTargetTexture2DOES. The context is
  /// current.
  ///
  /// - Throws: `GraphicsError.Kind.importRefused`.
  init(_ buffer: PlaneBuffer, _ context: RenderContext) throws(GraphicsError) {
    let layout = buffer.layout
    guard case .dmaBuf(let memory) = buffer.storage else {
      throw Self.refusal(buffer, context, "a device region, which only the CPU can read")
    }
    let isExternal: Bool
    let isExplicit: Bool
    switch context.capabilities.route(layout) {
    case .explicit(let external): (isExplicit, isExternal) = (true, external)
    case .implicit(let external): (isExplicit, isExternal) = (false, external)
    case .refused(let reason): throw Self.refusal(buffer, context, reason)
    }
    let limit = context.capabilities.largestSide
    guard layout.width <= limit, layout.height <= limit else {
      throw Self.refusal(buffer, context, "the renderer's textures end at \(limit) pixels")
    }
    guard layout.planes.allSatisfy({ max($0.offset, $0.stride) <= Int(EGLint.max) }) else {
      throw Self.refusal(buffer, context, "its lines are too far apart for EGL")
    }
    // A software renderer maps the buffer when it draws, and crashes when it cannot.
    guard !context.capabilities.isSoftware || buffer.isMappable else {
      throw Self.refusal(
        buffer, context, "a software renderer must map the buffer, and its driver does not allow it"
      )
    }
    let attributes = Self.attributes(layout, fd: memory.rawValue, isExplicit: isExplicit)
    guard
      let image = vgpu_eglCreateImageKHR(
        context.display, nil, GLenum(EGL_LINUX_DMA_BUF_EXT), nil, attributes)
    else {
      throw Self.refusal(buffer, context, "eglCreateImage: \(ErrorNames.lastEGL())")
    }
    // From here on this object destroys the image, even when the initializer fails.
    self.image = image
    connection = context.connection
    texture = Texture(
      target: isExternal ? GL_TEXTURE_EXTERNAL_OES : GL_TEXTURE_2D, isSwapped: false)
    vgpu_glEGLImageTargetTexture2DOES(texture.target, image)
    let error = vgpu_glGetError()
    guard error == GLenum(GL_NO_ERROR) else {
      throw Self.refusal(
        buffer, context, "glEGLImageTargetTexture2DOES: \(ErrorNames.gl(error))")
    }
  }

  deinit {
    _ = vgpu_eglDestroyImageKHR(connection.display, image)
  }

  private static func refusal(
    _ buffer: PlaneBuffer, _ context: RenderContext, _ reason: String
  ) -> GraphicsError {
    GraphicsError(.importRefused, "\(buffer.name) on \(context.name)", "not imported: \(reason)")
  }

  private static func attributes(
    _ layout: ImageLayout, fd: Int32, isExplicit: Bool
  ) -> [EGLint] {
    var attributes: [EGLint] = [
      EGL_WIDTH, EGLint(layout.width), EGL_HEIGHT, EGLint(layout.height),
      EGL_LINUX_DRM_FOURCC_EXT, EGLint(bitPattern: layout.format.fourCC.rawValue),
    ]
    for (plane, names) in zip(layout.planes, planeAttributes) {
      attributes += [
        names.fd, fd, names.offset, EGLint(truncatingIfNeeded: plane.offset), names.stride,
        EGLint(truncatingIfNeeded: plane.stride),
      ]
      if isExplicit {
        attributes += [
          names.modifierLow, EGLint(truncatingIfNeeded: layout.modifier.rawValue),
          names.modifierHigh, EGLint(truncatingIfNeeded: layout.modifier.rawValue >> 32),
        ]
      }
    }
    attributes.append(EGL_NONE)
    return attributes
  }

  /// EGL's names for the memory planes, `PlaneInfo.mostPlanes`.
  private struct PlaneAttributes {
    let fd: EGLint
    let offset: EGLint
    let stride: EGLint
    let modifierLow: EGLint
    let modifierHigh: EGLint
  }

  private static let planeAttributes = [
    PlaneAttributes(
      fd: EGL_DMA_BUF_PLANE0_FD_EXT, offset: EGL_DMA_BUF_PLANE0_OFFSET_EXT,
      stride: EGL_DMA_BUF_PLANE0_PITCH_EXT, modifierLow: EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT,
      modifierHigh: EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT),
    PlaneAttributes(
      fd: EGL_DMA_BUF_PLANE1_FD_EXT, offset: EGL_DMA_BUF_PLANE1_OFFSET_EXT,
      stride: EGL_DMA_BUF_PLANE1_PITCH_EXT, modifierLow: EGL_DMA_BUF_PLANE1_MODIFIER_LO_EXT,
      modifierHigh: EGL_DMA_BUF_PLANE1_MODIFIER_HI_EXT),
    PlaneAttributes(
      fd: EGL_DMA_BUF_PLANE2_FD_EXT, offset: EGL_DMA_BUF_PLANE2_OFFSET_EXT,
      stride: EGL_DMA_BUF_PLANE2_PITCH_EXT, modifierLow: EGL_DMA_BUF_PLANE2_MODIFIER_LO_EXT,
      modifierHigh: EGL_DMA_BUF_PLANE2_MODIFIER_HI_EXT),
    PlaneAttributes(
      fd: EGL_DMA_BUF_PLANE3_FD_EXT, offset: EGL_DMA_BUF_PLANE3_OFFSET_EXT,
      stride: EGL_DMA_BUF_PLANE3_PITCH_EXT, modifierLow: EGL_DMA_BUF_PLANE3_MODIFIER_LO_EXT,
      modifierHigh: EGL_DMA_BUF_PLANE3_MODIFIER_HI_EXT),
  ]
}

/// The part of a texture that is a picture, and which way up it lies there.
struct TexturePart: Equatable {
  /// In the texture's pixels, from its first line in memory on.
  let crop: PixelRectangle
  /// The texture's size.
  let texture: PixelSize
  /// The picture's lowest line is the first one.
  let isUpsideDown: Bool

  /// A picture that is all of its texture.
  init(whole size: PixelSize, isUpsideDown: Bool = false) {
    crop = size.whole
    texture = size
    self.isUpsideDown = isUpsideDown
  }

  /// A picture in an imported buffer.
  init(imported buffer: PlaneBuffer) {
    crop = buffer.crop
    texture = PixelSize(width: buffer.layout.width, height: buffer.layout.height)
    isUpsideDown = buffer.isUpsideDown
  }

  /// Whether pixels beside the picture must be kept out when its edge is sampled.
  var isCropped: Bool { crop.width != texture.width || crop.height != texture.height }
}

extension PlaneBuffer {
  /// The buffer's name in errors: its size, format, modifier and, if it has one, its own name.
  var name: String {
    switch storage {
    case .dmaBuf(let buffer): "\(layout) in \(buffer.name)"
    case .region: "\(layout) in a device region"
    }
  }
}
