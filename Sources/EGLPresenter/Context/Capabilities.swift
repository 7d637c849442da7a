// SPDX-License-Identifier: Apache-2.0

import CEGL
public import DMABuf

/// The abilities of an EGL display and its renderer with other devices' buffers.
public struct Capabilities: Sendable {
  /// A memory layout in which buffers of a format can be imported.
  public struct Layout: Hashable, Sendable {
    /// The memory layout.
    public let modifier: FormatModifier
    /// It can be sampled only as an external texture (`GL_TEXTURE_EXTERNAL_OES`): mostly YUV.
    public let isExternalOnly: Bool
  }

  /// GL_RENDERER, such as `Mesa Intel(R) UHD Graphics 620 (KBL GT2)`.
  public let renderer: String
  /// GL_VERSION, such as `OpenGL ES 3.2 Mesa 25.0.7`.
  public let version: String
  /// EGL_VENDOR.
  public let vendor: String
  /// The renderer is a CPU: it maps the buffers that it imports.
  public let isSoftware: Bool
  /// dma-bufs can be imported (EGL_EXT_image_dma_buf_import).
  public let importsDMABufs: Bool
  /// They can be imported by explicit modifier (EGL_EXT_image_dma_buf_import_modifiers), and
  /// `layouts` is known.
  public let importsModifiers: Bool
  /// External textures can be sampled (GL_OES_EGL_image_external).
  public let samplesExternal: Bool
  /// The formats and layouts that can be imported (eglQueryDmaBufFormatsEXT,
  /// eglQueryDmaBufModifiersEXT); empty when the driver does not tell.
  public let layouts: [FourCC: [Layout]]
  /// The longest side of a picture in pixels (GL_MAX_TEXTURE_SIZE).
  public let largestSide: Int

  /// Asks the current context and its display.
  init(display: EGLDisplay) {
    renderer = Self.string(GL_RENDERER)
    version = Self.string(GL_VERSION)
    vendor = vgpu_eglQueryString(display, EGL_VENDOR).map { String(cString: $0) } ?? ""
    isSoftware = Self.isSoftware(renderer: renderer)
    samplesExternal = vgpu_has_gl_extension("GL_OES_EGL_image_external")
    importsDMABufs =
      vgpu_has_egl_extension(display, "EGL_EXT_image_dma_buf_import")
      && vgpu_has_egl_extension(display, "EGL_KHR_image_base")
      && vgpu_has_gl_extension("GL_OES_EGL_image")
      && !(isSoftware && Self.crashesOnImport(version: version))
    importsModifiers =
      importsDMABufs
      && vgpu_has_egl_extension(display, "EGL_EXT_image_dma_buf_import_modifiers")
    layouts = importsModifiers ? Self.layouts(display) : [:]
    var side: GLint = 0
    vgpu_glGetIntegerv(GLenum(GL_MAX_TEXTURE_SIZE), &side)
    largestSide = Int(side)
  }

  private static func string(_ name: Int32) -> String {
    vgpu_glGetString(GLenum(name)).map { String(cString: $0) } ?? "unknown"
  }

  /// Mesa's software renderers by their names in GL_RENDERER.
  static func isSoftware(renderer: String) -> Bool {
    ["llvmpipe", "softpipe", "swrast", "Software Rasterizer", "SwiftShader"]
      .contains { renderer.containsIgnoringCase($0) }
  }

  /// Mesa's software renderers before version 24 import through a DRM node and crash on a render
  /// node, although they list the extension. For a CPU, copying costs no more than importing.
  static func crashesOnImport(version: String) -> Bool {
    guard let range = version.firstRange(of: "Mesa ") else { return false }
    let digits = version[range.upperBound...].prefix { $0.isASCII && $0.isNumber }
    guard let major = Int(digits) else { return true }
    return major < 24
  }

  private static func layouts(_ display: EGLDisplay) -> [FourCC: [Layout]] {
    var count: EGLint = 0
    guard vgpu_eglQueryDmaBufFormatsEXT(display, 0, nil, &count) == EGL_TRUE, count > 0 else {
      _ = vgpu_eglGetError()
      return [:]
    }
    var formats = [EGLint](repeating: 0, count: Int(count))
    _ = vgpu_eglQueryDmaBufFormatsEXT(display, count, &formats, &count)
    var layouts: [FourCC: [Layout]] = [:]
    for format in formats.prefix(Int(count)) {
      layouts[FourCC(rawValue: UInt32(bitPattern: format))] = Self.layouts(display, format)
    }
    return layouts
  }

  private static func layouts(_ display: EGLDisplay, _ format: EGLint) -> [Layout] {
    var count: EGLint = 0
    guard vgpu_eglQueryDmaBufModifiersEXT(display, format, 0, nil, nil, &count) == EGL_TRUE,
      count > 0
    else {
      _ = vgpu_eglGetError()
      return []
    }
    var modifiers = [EGLuint64KHR](repeating: 0, count: Int(count))
    var externalOnly = [EGLBoolean](repeating: 0, count: Int(count))
    _ = vgpu_eglQueryDmaBufModifiersEXT(
      display, format, count, &modifiers, &externalOnly, &count)
    return zip(modifiers, externalOnly).prefix(Int(count)).map {
      Layout(modifier: FormatModifier(rawValue: UInt64($0)), isExternalOnly: $1 == EGL_TRUE)
    }
  }

  /// A way to import a picture.
  enum Route: Equatable {
    case explicit(isExternal: Bool)
    case implicit(isExternal: Bool)
    case refused(String)
  }

  /// The way to import a picture, or the obstacle.
  func route(_ layout: ImageLayout) -> Route {
    guard importsDMABufs else { return .refused("the driver imports no dma-bufs") }
    guard layout.format.model != .indexed else {
      return .refused("a palette is needed, and VFIO hands out none")
    }
    let isYUV = layout.format.model == .yuv
    guard importsModifiers, !layouts.isEmpty else {
      // Without the extension a modifier cannot be named, and the driver would guess.
      guard layout.modifier == .linear || layout.modifier == .invalid else {
        return .refused("the driver cannot be told the modifier")
      }
      return external(isYUV, .implicit(isExternal: isYUV))
    }
    guard let known = layouts[layout.format.fourCC] else {
      return .refused("the driver does not import the format")
    }
    if layout.modifier == .invalid {
      return external(isYUV, .implicit(isExternal: isYUV))
    }
    guard let match = known.first(where: { $0.modifier == layout.modifier }) else {
      // Some drivers list formats without any modifier. For them a picture is imported with the
      // implicit one.
      if known.isEmpty, layout.modifier == .linear {
        return external(isYUV, .implicit(isExternal: isYUV))
      }
      return .refused("the driver does not import the format with this modifier")
    }
    let isExternal = isYUV || match.isExternalOnly
    return external(isExternal, .explicit(isExternal: isExternal))
  }

  private func external(_ isNeeded: Bool, _ route: Route) -> Route {
    isNeeded && !samplesExternal
      ? .refused("the driver samples no external textures, which the format needs") : route
  }
}

extension String {
  /// Whether `part` occurs in this text; the case of ASCII letters does not matter.
  fileprivate func containsIgnoringCase(_ part: String) -> Bool {
    lowercased().firstRange(of: part.lowercased()) != nil
  }
}
