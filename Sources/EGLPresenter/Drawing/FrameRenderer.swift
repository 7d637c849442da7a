// SPDX-License-Identifier: Apache-2.0

import CEGL
import DMABuf
import LinuxSystem
public import VGPUDisplay

/// Draws guests' frames: imports each buffer once and samples it in place, or copies buffers that
/// cannot be imported.
///
/// It belongs to its context's thread. In steady state a drawing neither allocates nor imports,
/// and copies only on the upload path.
public final class FrameRenderer {
  /// The context that it draws with.
  public let context: RenderContext
  /// Its work so far.
  public private(set) var counters = RendererCounters()
  /// The path of the last frame's picture; `nil` before the first frame.
  public private(set) var path: PresentationPath?
  /// Why the last failed import failed; `nil` when all buffers were imported.
  public private(set) var importRefusal: GraphicsError?
  /// Whether imports are not even tried: for comparisons, and for drivers that import badly.
  public let alwaysUploads: Bool

  /// A picture that is laid over each frame in a window-like drawing. It is uploaded once after
  /// each change.
  public var overlay: Overlay? {
    didSet {
      isOverlayUploaded = false
      history.forget()
    }
  }

  private var overlayTexture: OverlayTexture?
  private var isOverlayUploaded = false
  private var images = ImageCache()
  // One for each plane, because guests flip among buffers of one size and format.
  private var primaryUpload: UploadTexture?
  /// Whether `primaryUpload` has the picture that was drawn last on a window.
  private var hasLastPicture = false
  private var history = WindowHistory()
  private var cursorUpload: UploadTexture?
  private var programs = [ShaderProgram?](repeating: nil, count: ShaderProgram.Variant.count)
  private var readback: PixelReadback?
  private var changes = PixelChanges()
  private let corners: GLuint

  /// Makes the GL objects that all drawings share.
  ///
  /// - Parameters:
  ///   - context: the context that gets the objects; it is current from now on.
  ///   - alwaysUploads: copies every frame, even one that could be imported.
  /// - Throws: `GraphicsError` when the context cannot be made current.
  public init(
    _ context: RenderContext, alwaysUploads: Bool = false
  ) throws(GraphicsError) {
    try context.makeCurrent()
    self.context = context
    self.alwaysUploads = alwaysUploads
    var corners: GLuint = 0
    vgpu_glGenBuffers(1, &corners)
    self.corners = corners
    let unit: [Float] = [0, 0, 1, 0, 0, 1, 1, 1]
    vgpu_glBindBuffer(GLenum(GL_ARRAY_BUFFER), corners)
    vgpu_glBufferData(
      GLenum(GL_ARRAY_BUFFER), GLsizeiptr(unit.count * MemoryLayout<Float>.stride), unit,
      GLenum(GL_STATIC_DRAW))
    vgpu_glVertexAttribPointer(0, 2, GLenum(GL_FLOAT), GLboolean(GL_FALSE), 0, nil)
    vgpu_glEnableVertexAttribArray(0)
    vgpu_glActiveTexture(GLenum(GL_TEXTURE0))
    vgpu_glClearColor(0, 0, 0, 1)
    vgpu_glBlendFunc(GLenum(GL_ONE), GLenum(GL_ONE_MINUS_SRC_ALPHA))
    // Without dithering, because a conversion such as 10 bits to 8 must round alike at every pixel.
    vgpu_glDisable(GLenum(GL_DITHER))
    try context.checkGL("the renderer's start")
  }

  deinit {
    // If the context cannot be made current, the GL objects end with it instead.
    guard (try? context.makeCurrent()) != nil else { return }
    readback = nil
    changes.removeAll()
    images.removeAll()
    overlayTexture = nil
    primaryUpload = nil
    cursorUpload = nil
    programs = []
    withUnsafePointer(to: corners) { vgpu_glDeleteBuffers(1, $0) }
  }

  /// Draws a frame on a window, with black around the picture and the cursor over it.
  /// `WindowSurface.swap` then shows the drawing; call it before the next drawing.
  ///
  /// With a damage, only the changed pixels are copied, and drawn when the window's buffer still has an
  /// earlier frame (EGL_EXT_buffer_age).
  ///
  /// - Parameters:
  ///   - frame: the frame.
  ///   - placement: the picture's place in an area of the window's size.
  ///   - surface: the window.
  ///   - damage: the guest's pixels that may differ from the frame of the last call; `nil` for all, also
  ///     when the window may have lost what it showed.
  /// - Throws: `GraphicsError`: `cannotShow` when neither import nor copy is possible, `lost` when
  ///   the context and the surface must be made anew.
  public func draw(
    _ frame: Frame, at placement: Placement, on surface: WindowSurface, damage: Damage? = nil
  ) throws(GraphicsError) {
    do throws(GraphicsError) {
      try context.makeCurrent(surface.surface)
      vgpu_glBindFramebuffer(GLenum(GL_FRAMEBUFFER), 0)
      let redraw = history.add(
        placement, pointer: frame.cursor.map { placement.rectangle(of: $0) }, damage,
        age: damage == nil ? 0 : surface.age)
      surface.changed = redraw.changed
      let copied = hasLastPicture ? damage : nil
      hasLastPicture = false
      try draw(
        frame, placement, on: RenderTarget(size: surface.size, isTopDown: false),
        within: redraw.lacking, copying: copied, hasOverlay: true)
      try context.checkReset()
      hasLastPicture = path == .upload
    } catch {
      history.forget()
      throw error
    }
  }

  /// Whether a frame's pixels differ from those at the last call with this frame's buffers and
  /// `flip`; `true` at the first call, and when the pixels cannot be compared. It is for guests
  /// that draw into the shown buffer.
  ///
  /// The CPU reads the bytes and keeps a hash of each line. When the CPU cannot read them, or only
  /// slowly, the GPU makes a sum of each block of pixels, and this call waits for the GPU.
  ///
  /// - Parameters:
  ///   - frame: the frame.
  ///   - search: how much of its picture is searched. The GPU always searches all of it.
  /// - Throws: `GraphicsError` as `draw(_:at:on:)`.
  public func hasChanged(
    _ frame: Frame, _ search: ChangeSearch = .whole
  ) throws(GraphicsError) -> Bool {
    try context.makeCurrent()
    var texture: Texture?
    if case .imported(let image) = images.outcome(of: frame.primary) { texture = image.texture }
    return try changes.hasChanged(frame, search, texture, context)
  }

  /// The way in which changes within a buffer are found; `nil` before the first comparison.
  public var changeDetection: ChangeDetection? { changes.detection }

  /// Makes the GPU find changes when it can, for tests.
  func preferGPUForChanges() { changes.isSlowToRead = true }

  /// Draws a frame into memory, one pixel for each pixel of the guest, without an overlay, and
  /// reads the pixels: a screenshot.
  ///
  /// - Throws: `GraphicsError` as `draw(_:at:on:)`.
  public func pixels(of frame: Frame) throws(GraphicsError) -> PixelImage {
    try pixels(of: frame, area: frame.primary.size, mode: .oneToOne, hasOverlay: false)
  }

  /// Draws a frame into memory as on a window of `area` device pixels, and reads the pixels.
  ///
  /// - Throws: `GraphicsError` as `draw(_:at:on:)`.
  public func pixels(
    of frame: Frame, area: PixelSize, mode: ScalingMode
  ) throws(GraphicsError) -> PixelImage {
    try pixels(of: frame, area: area, mode: mode, hasOverlay: true)
  }

  private func pixels(
    of frame: Frame, area: PixelSize, mode: ScalingMode, hasOverlay: Bool
  ) throws(GraphicsError) -> PixelImage {
    try context.makeCurrent()
    let limit = context.capabilities.largestSide
    guard !area.isEmpty, area.width <= limit, area.height <= limit else {
      throw GraphicsError(
        .cannotShow, "\(area.width)x\(area.height) on \(context.name)",
        "the renderer's textures end at \(limit) pixels")
    }
    let readback = try readback(area)
    readback.bind()
    let target = RenderTarget(size: area, isTopDown: true)
    // A later picture than the drawn one is copied now.
    hasLastPicture = false
    try draw(
      frame, Placement(guest: frame.primary.size, area: area, mode: mode), on: target,
      hasOverlay: hasOverlay)
    let bytes = readback.read()
    try context.checkGL("glReadPixels")
    try context.checkReset()
    guard let image = PixelImage(width: area.width, height: area.height, rgba: bytes) else {
      throw GraphicsError(.failed, context.name, "glReadPixels: short")
    }
    return image
  }

  /// Releases buffers that their source has released. Drawing does so by itself. Call this when you
  /// draw nothing for a while, because the buffers' memory is the guest's.
  public func releaseGoneBuffers() {
    guard images.hasGone, (try? context.makeCurrent()) != nil else { return }
    images.sweep()
    // GL holds the last drawn texture until it draws another one.
    let size = PixelSize(width: 1, height: 1)
    guard let target = try? PixelReadback(size, context) else { return }
    target.bind()
    let nothing = Texture(target: GL_TEXTURE_2D, isSwapped: false)
    nothing.bind(.nearest)
    vgpu_glTexImage2D(
      nothing.target, 0, GL_RGBA, 1, 1, 0, GLenum(GL_RGBA), GLenum(GL_UNSIGNED_BYTE), nil)
    vgpu_glViewport(0, 0, 1, 1)
    let part = TexturePart(whole: size)
    try? program(nothing, part, isTranslucent: false).draw(
      part, PixelRectangle(x: 0, y: 0, width: 1, height: 1),
      on: RenderTarget(size: size, isTopDown: true))
    vgpu_glFinish()
  }

  /// The number of buffers in the cache, for tests.
  var imagesHeld: Int { images.count }

  private func readback(_ size: PixelSize) throws(GraphicsError) -> PixelReadback {
    if let readback, readback.size == size { return readback }
    readback = nil
    let made = try PixelReadback(size, context)
    readback = made
    return made
  }

  /// Draws on the bound framebuffer. It is not private, because tests count its allocations.
  ///
  /// - Parameters:
  ///   - area: the target's pixels to draw, all of them inside the picture's visible part; `nil` for all.
  ///   - damage: the guest's pixels to copy when the picture is copied; `nil` for all.
  func draw(
    _ frame: Frame, _ placement: Placement, on target: RenderTarget, within area: Damage? = nil,
    copying damage: Damage? = nil, hasOverlay: Bool = false
  ) throws(GraphicsError) {
    images.sweep()
    let picture = try sample(frame.primary, &primaryUpload, damage)
    path = picture.path
    // A failed cursor is no error, because the picture is worth showing without a pointer.
    let pointer: Sample? =
      if let cursor = frame.cursor { try? sample(cursor.buffer, &cursorUpload) } else { nil }
    let overlay = hasOverlay ? try uploadOverlay() : nil
    vgpu_glViewport(0, 0, GLsizei(target.size.width), GLsizei(target.size.height))
    vgpu_glDisable(GLenum(GL_SCISSOR_TEST))
    for index in 0..<(area?.count ?? 1) {
      let part = area?[index]
      if let part {
        clip(to: part, on: target)
      } else {
        vgpu_glClear(GLbitfield(GL_COLOR_BUFFER_BIT))
      }
      try draw(picture, placement.picture, placement.filter, isTranslucent: false, on: target)
      if let pointer, let cursor = frame.cursor {
        let visible = placement.visible
        clip(to: part?.intersection(visible) ?? visible, on: target)
        vgpu_glEnable(GLenum(GL_BLEND))
        try? draw(
          pointer, placement.rectangle(of: cursor), placement.filter,
          isTranslucent: cursor.buffer.layout.format.hasAlpha, on: target)
        vgpu_glDisable(GLenum(GL_BLEND))
        if let part { clip(to: part, on: target) } else { vgpu_glDisable(GLenum(GL_SCISSOR_TEST)) }
      }
      if let overlay, let place = self.overlay?.area {
        vgpu_glEnable(GLenum(GL_BLEND))
        defer { vgpu_glDisable(GLenum(GL_BLEND)) }
        try draw(overlay, place, .nearest, isTranslucent: true, on: target)
      }
    }
    vgpu_glDisable(GLenum(GL_SCISSOR_TEST))
    counters.draws += 1
    try context.checkGL("drawing \(frame.primary.layout)")
  }

  private func clip(to rectangle: PixelRectangle, on target: RenderTarget) {
    vgpu_glEnable(GLenum(GL_SCISSOR_TEST))
    vgpu_glScissor(
      GLint(rectangle.x), GLint(target.scissorY(rectangle)), GLsizei(rectangle.width),
      GLsizei(rectangle.height))
  }

  private func draw(
    _ sample: Sample, _ place: PixelRectangle, _ filter: Placement.Filter, isTranslucent: Bool,
    on target: RenderTarget
  ) throws(GraphicsError) {
    sample.texture.bind(filter)
    try program(sample.texture, sample.part, isTranslucent: isTranslucent).draw(
      sample.part, place, on: target)
  }

  /// The overlay's texture; `nil` without an overlay.
  private func uploadOverlay() throws(GraphicsError) -> Sample? {
    guard let overlay else {
      overlayTexture = nil
      return nil
    }
    let texture: OverlayTexture
    if let overlayTexture, overlayTexture.fits(overlay) {
      texture = overlayTexture
    } else {
      overlayTexture = nil
      isOverlayUploaded = false
      texture = try OverlayTexture(for: overlay, context)
      overlayTexture = texture
    }
    if !isOverlayUploaded { texture.upload(overlay) }
    isOverlayUploaded = true
    return Sample(
      texture: texture.texture,
      part: TexturePart(
        whole: PixelSize(width: overlay.area.width, height: overlay.area.height)), path: .upload)
  }

  /// A picture that can be drawn.
  private struct Sample {
    let texture: Texture
    let part: TexturePart
    let path: PresentationPath

    init(texture: Texture, part: TexturePart, path: PresentationPath) {
      self.texture = texture
      self.part = part
      self.path = path
    }

    init(imported image: ImportedImage, _ buffer: PlaneBuffer) {
      self.init(
        texture: image.texture, part: TexturePart(imported: buffer), path: .import)
    }

    init(copied texture: Texture, _ buffer: PlaneBuffer) {
      self.init(texture: texture, part: TexturePart(copied: buffer), path: .upload)
    }
  }

  /// The buffer's pixels as they are now, imported or copied.
  ///
  /// - Parameter damage: the pixels to copy when it is copied; `nil` for all.
  private func sample(
    _ buffer: PlaneBuffer, _ upload: inout UploadTexture?, _ damage: Damage? = nil
  ) throws(GraphicsError) -> Sample {
    switch images.outcome(of: buffer) {
    case .imported(let image):
      return Sample(imported: image, buffer)
    case .copied:
      return Sample(copied: try copy(buffer, &upload, damage), buffer)
    case .impossible(let error):
      throw error
    case nil:
      break
    }
    let refusal: GraphicsError
    if alwaysUploads {
      refusal = GraphicsError(.importRefused, buffer.name, "not imported: imports are switched off")
    } else {
      do {
        let start = MonotonicInstant.now
        let image = try ImportedImage(buffer, context)
        counters.importNanoseconds += MonotonicInstant.now.elapsed(since: start)
        counters.imports += 1
        images.insert(.imported(image), for: buffer)
        return Sample(imported: image, buffer)
      } catch {
        refusal = error
        counters.refusals += 1
        importRefusal = error
      }
    }
    do {
      let texture = try copy(buffer, &upload, damage)
      images.insert(.copied, for: buffer)
      return Sample(copied: texture, buffer)
    } catch {
      guard error.kind == .cannotShow else { throw error }
      // The error tells both reasons, because the user can often mend the first.
      let both = GraphicsError(
        .cannotShow, error.object, "\(refusal.cause); \(error.cause)", remedy: error.remedy)
      images.insert(.impossible(both), for: buffer)
      throw both
    }
  }

  private func copy(
    _ buffer: PlaneBuffer, _ upload: inout UploadTexture?, _ damage: Damage?
  ) throws(GraphicsError) -> Texture {
    let texture: UploadTexture
    var damage = damage
    if let upload, upload.fits(buffer) {
      texture = upload
    } else {
      damage = nil
      upload = nil
      texture = try UploadTexture(for: buffer, context)
      upload = texture
    }
    try texture.upload(buffer, damage, context)
    counters.uploads += 1
    return texture.texture
  }

  private func program(
    _ texture: Texture, _ part: TexturePart, isTranslucent: Bool
  ) throws(GraphicsError) -> ShaderProgram {
    let variant = ShaderProgram.Variant(
      isExternal: texture.isExternal, isSwapped: texture.isSwapped, isTranslucent: isTranslucent,
      isCropped: part.isCropped)
    if let program = programs[variant.index] { return program }
    let program = try ShaderProgram(variant, context)
    programs[variant.index] = program
    return program
  }
}

/// A renderer's work since it was made.
public struct RendererCounters: Hashable, Sendable {
  /// Frames drawn.
  public var draws = 0
  /// Buffers imported (eglCreateImage). In steady state this stands still.
  public var imports = 0
  /// The total time of the imports, in nanoseconds.
  public var importNanoseconds: UInt64 = 0
  /// Pictures and cursors copied by the CPU (glTexSubImage2D).
  public var uploads = 0
  /// Buffers that the driver refused to import.
  public var refusals = 0

  /// All zero.
  public init() {}
}

/// The path of the guest's pixels to the screen.
@nonexhaustive
public enum PresentationPath: String, Hashable, Sendable {
  /// The compositor shows the guest's own buffer: this program draws nothing.
  case direct
  /// The GPU samples the guest's own buffer, imported as an `EGLImage`: nothing is copied.
  case `import`
  /// The CPU copies every frame into a texture.
  case upload
  /// The CPU copies every frame and draws it, without EGL.
  case cairo
}
