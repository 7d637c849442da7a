// SPDX-License-Identifier: Apache-2.0

import CEGL
import DMABuf
import LinuxSystem
public import VGPUDisplay

/// Draws guests' frames: imports their buffers once and samples them where they are, or copies
/// what cannot be imported.
///
/// It belongs to its context's thread. In steady state a drawing neither allocates nor imports,
/// and copies only on the upload path.
public final class FrameRenderer {
  /// What it draws with.
  public let context: RenderContext
  /// What it has done so far.
  public private(set) var counters = RendererCounters()
  /// How the last frame's picture was taken; `nil` before the first.
  public private(set) var path: PresentationPath?
  /// Why the last buffer that was not imported was not; `nil` when all were.
  public private(set) var importRefusal: GraphicsError?
  /// Imports are not even tried: for comparisons, and for drivers that import badly.
  public let alwaysUploads: Bool

  /// What is laid over each frame that is drawn as on a window; uploaded once, when it has changed.
  public var overlay: Overlay? {
    didSet { isOverlayUploaded = false }
  }

  private var overlayTexture: OverlayTexture?
  private var isOverlayUploaded = false
  private var images = ImageCache()
  // One for each plane: guests flip among buffers of one size and format.
  private var primaryUpload: UploadTexture?
  private var cursorUpload: UploadTexture?
  private var programs = [ShaderProgram?](repeating: nil, count: 8)
  private var readback: PixelReadback?
  private var changes = PixelChanges()
  private let corners: GLuint

  /// Makes the GL objects that all drawings share.
  ///
  /// - Parameters:
  ///   - context: where they are made; current from here on.
  ///   - alwaysUploads: copies every frame, whatever could be imported.
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
    // 10 bits to 8 and the like are to be rounded alike wherever a pixel lies.
    vgpu_glDisable(GLenum(GL_DITHER))
    try context.checkGL("the renderer's start")
  }

  deinit {
    // Without a current context the GL objects end with it instead.
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

  /// Draws a frame on a window, black around it, the cursor over it. `WindowSurface.swap` then
  /// shows it.
  ///
  /// - Parameters:
  ///   - frame: the frame.
  ///   - placement: where its picture lies in an area of the window's size.
  ///   - surface: the window.
  /// - Throws: `GraphicsError`: `cannotShow` when neither import nor copy is possible, `lost` when
  ///   context and surface have to be made anew.
  public func draw(
    _ frame: Frame, at placement: Placement, on surface: WindowSurface
  ) throws(GraphicsError) {
    try context.makeCurrent(surface.surface)
    vgpu_glBindFramebuffer(GLenum(GL_FRAMEBUFFER), 0)
    let target = RenderTarget(size: surface.size, isTopDown: false)
    try draw(frame, placement, on: target)
    try drawOverlay(on: target)
    try context.checkReset()
  }

  /// Whether a frame's pixels are other ones than at the last call with this frame's buffers and
  /// `flip`; `true` for the first, and where that cannot be found out. Of a guest that draws into the
  /// buffer that it shows.
  ///
  /// The CPU compares all bytes. When it cannot read them, or only slowly, the GPU makes a sum of each
  /// block of pixels, and this call waits for the GPU.
  ///
  /// - Throws: `GraphicsError` as `draw(_:at:on:)`.
  public func hasChanged(_ frame: Frame) throws(GraphicsError) -> Bool {
    try context.makeCurrent()
    var texture: Texture?
    if case .imported(let image) = images.outcome(of: frame.primary) { texture = image.texture }
    return try changes.hasChanged(frame, texture, context)
  }

  /// How changes within a buffer are found; `nil` before that was first asked.
  public var changeDetection: ChangeDetection? { changes.detection }

  /// Has the GPU find changes, where it can: for tests.
  func preferGPUForChanges() { changes.isSlowToRead = true }

  /// Draws a frame into memory, one pixel to one of the guest, without an overlay, and reads it: a
  /// screenshot.
  ///
  /// - Throws: `GraphicsError` as `draw(_:at:on:)`.
  public func pixels(of frame: Frame) throws(GraphicsError) -> PixelImage {
    try pixels(of: frame, area: frame.primary.size, mode: .oneToOne, hasOverlay: false)
  }

  /// Draws a frame into memory as on a window of `area` device pixels, and reads it.
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
    try draw(frame, Placement(guest: frame.primary.size, area: area, mode: mode), on: target)
    if hasOverlay { try drawOverlay(on: target) }
    let bytes = readback.read()
    try context.checkGL("glReadPixels")
    try context.checkReset()
    guard let image = PixelImage(width: area.width, height: area.height, rgba: bytes) else {
      throw GraphicsError(.failed, context.name, "glReadPixels: short")
    }
    return image
  }

  /// Lets go of buffers whose source has let them go. Drawing does so by itself. Call this when nothing
  /// is drawn for a while, because the buffers' memory is the guest's.
  public func releaseGoneBuffers() {
    guard images.hasGone, (try? context.makeCurrent()) != nil else { return }
    images.sweep()
    // GL holds on to what it has drawn last until it draws something else.
    let size = PixelSize(width: 1, height: 1)
    guard let target = try? PixelReadback(size, context) else { return }
    target.bind()
    let nothing = Texture(target: GL_TEXTURE_2D, isSwapped: false)
    nothing.bind(.nearest)
    vgpu_glTexImage2D(
      nothing.target, 0, GL_RGBA, 1, 1, 0, GLenum(GL_RGBA), GLenum(GL_UNSIGNED_BYTE), nil)
    vgpu_glViewport(0, 0, 1, 1)
    try? program(nothing, isTranslucent: false).draw(
      PixelRectangle(x: 0, y: 0, width: 1, height: 1),
      on: RenderTarget(size: size, isTopDown: true))
    vgpu_glFinish()
  }

  /// Buffers that something is known of; for tests.
  var imagesHeld: Int { images.count }

  private func readback(_ size: PixelSize) throws(GraphicsError) -> PixelReadback {
    if let readback, readback.size == size { return readback }
    readback = nil
    let made = try PixelReadback(size, context)
    readback = made
    return made
  }

  /// Draws on the bound framebuffer; not private only because tests count its allocations.
  func draw(
    _ frame: Frame, _ placement: Placement, on target: RenderTarget
  ) throws(GraphicsError) {
    images.sweep()
    vgpu_glViewport(0, 0, GLsizei(target.size.width), GLsizei(target.size.height))
    vgpu_glDisable(GLenum(GL_SCISSOR_TEST))
    vgpu_glClear(GLbitfield(GL_COLOR_BUFFER_BIT))
    let (picture, path) = try texture(frame.primary, &primaryUpload)
    picture.bind(placement.filter)
    try program(picture, isTranslucent: false).draw(placement.picture, on: target)
    self.path = path
    // Without a pointer the picture is still worth showing.
    if let cursor = frame.cursor { try? draw(cursor, placement, on: target) }
    counters.draws += 1
    try context.checkGL("drawing \(frame.primary.layout)")
  }

  private func draw(
    _ cursor: Cursor, _ placement: Placement, on target: RenderTarget
  ) throws(GraphicsError) {
    let (picture, _) = try texture(cursor.buffer, &cursorUpload)
    let visible = placement.visible
    vgpu_glEnable(GLenum(GL_SCISSOR_TEST))
    vgpu_glScissor(
      GLint(visible.x), GLint(target.scissorY(visible)), GLsizei(visible.width),
      GLsizei(visible.height))
    vgpu_glEnable(GLenum(GL_BLEND))
    defer {
      vgpu_glDisable(GLenum(GL_BLEND))
      vgpu_glDisable(GLenum(GL_SCISSOR_TEST))
    }
    picture.bind(placement.filter)
    let size = cursor.buffer.size
    try program(picture, isTranslucent: cursor.buffer.layout.format.hasAlpha).draw(
      placement.rectangle(
        ofGuest: PixelRectangle(
          x: cursor.x, y: cursor.y, width: size.width, height: size.height)),
      on: target)
  }

  private func drawOverlay(on target: RenderTarget) throws(GraphicsError) {
    guard let overlay else {
      overlayTexture = nil
      return
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
    vgpu_glEnable(GLenum(GL_BLEND))
    defer { vgpu_glDisable(GLenum(GL_BLEND)) }
    texture.texture.bind(.nearest)
    try program(texture.texture, isTranslucent: true).draw(overlay.area, on: target)
    try context.checkGL("drawing an overlay")
  }

  /// The buffer's pixels as they are now, imported or copied.
  private func texture(
    _ buffer: PlaneBuffer, _ upload: inout UploadTexture?
  ) throws(GraphicsError) -> (Texture, PresentationPath) {
    switch images.outcome(of: buffer) {
    case .imported(let image):
      return (image.texture, .import)
    case .copied:
      return (try copy(buffer, &upload), .upload)
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
        return (image.texture, .import)
      } catch {
        refusal = error
        counters.refusals += 1
        importRefusal = error
      }
    }
    do {
      let texture = try copy(buffer, &upload)
      images.insert(.copied, for: buffer)
      return (texture, .upload)
    } catch {
      guard error.kind == .cannotShow else { throw error }
      // Both reasons are worth telling: the first is often the one that can be helped.
      let both = GraphicsError(
        .cannotShow, error.object, "\(refusal.cause); \(error.cause)", remedy: error.remedy)
      images.insert(.impossible(both), for: buffer)
      throw both
    }
  }

  private func copy(
    _ buffer: PlaneBuffer, _ upload: inout UploadTexture?
  ) throws(GraphicsError) -> Texture {
    let texture: UploadTexture
    if let upload, upload.fits(buffer) {
      texture = upload
    } else {
      upload = nil
      texture = try UploadTexture(for: buffer, context)
      upload = texture
    }
    try texture.upload(buffer, context)
    counters.uploads += 1
    return texture.texture
  }

  private func program(
    _ texture: Texture, isTranslucent: Bool
  ) throws(GraphicsError) -> ShaderProgram {
    let variant = ShaderProgram.Variant(
      isExternal: texture.isExternal, isSwapped: texture.isSwapped, isTranslucent: isTranslucent)
    if let program = programs[variant.index] { return program }
    let program = try ShaderProgram(variant, context)
    programs[variant.index] = program
    return program
  }
}

/// What a renderer has done since it was made.
public struct RendererCounters: Hashable, Sendable {
  /// Frames drawn.
  public var draws = 0
  /// Buffers imported (eglCreateImage). In steady state this stands still.
  public var imports = 0
  /// What they took, in nanoseconds together.
  public var importNanoseconds: UInt64 = 0
  /// Pictures and cursors copied by the CPU (glTexSubImage2D).
  public var uploads = 0
  /// Buffers that the driver refused to import.
  public var refusals = 0

  /// All zero.
  public init() {}
}

/// How the guest's pixels get onto the screen.
@nonexhaustive
public enum PresentationPath: String, Hashable, Sendable {
  /// The compositor was handed the guest's own buffer: nothing is drawn here.
  case direct
  /// The GPU samples the guest's own buffer, imported as an `EGLImage`: nothing is copied.
  case `import`
  /// The CPU copies every frame into a texture.
  case upload
  /// The CPU copies every frame and draws it: there is no EGL.
  case cairo
}
