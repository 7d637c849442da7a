// SPDX-License-Identifier: Apache-2.0

import CEGL
package import Synchronization

/// An OpenGL ES context on an EGL display of its own choosing. All drawing for a window, or for a
/// series of screenshots, goes through one context.
///
/// It belongs to the thread that made it: use and release the context, and every object made with
/// it, on that thread only.
public final class RenderContext {
  /// The abilities of the display and its renderer.
  public let capabilities: Capabilities
  /// The display's name in errors, such as `EGL on wayland (llvmpipe)`.
  public let name: String

  let config: EGLConfig?
  private let handle: ContextHandle
  private let reset: GraphicsReset.Query?

  var connection: EGLConnection { handle.connection }
  var display: EGLDisplay { handle.connection.display }
  private var context: EGLContext { handle.context }

  /// Connects to EGL (eglGetPlatformDisplay, eglInitialize), makes an OpenGL ES 3 or else 2 context
  /// (eglCreateContext), and makes it current. The context notices GPU resets when the driver can.
  ///
  /// - Parameters:
  ///   - platform: the display's origin.
  ///   - owner: an object that is kept until the display is released, such as the owner of a native
  ///     connection.
  /// - Throws: `GraphicsError.Kind.unavailable`.
  public init(_ platform: EGLPlatform, keeping owner: AnyObject? = nil) throws(GraphicsError) {
    let connection = try EGLConnection(platform, keeping: owner)
    let display = connection.display
    let object = "EGL on \(platform.name)"
    guard vgpu_eglBindAPI(GLenum(EGL_OPENGL_ES_API)) == EGL_TRUE else {
      throw GraphicsError(
        .unavailable, object, "the driver has no OpenGL ES", remedy: "install your GPU's driver")
    }
    guard vgpu_has_egl_extension(display, "EGL_KHR_surfaceless_context") else {
      throw GraphicsError(
        .unavailable, object, "the driver lacks EGL_KHR_surfaceless_context",
        remedy: "use Mesa's libEGL")
    }
    let (config, context) = try Self.makeContext(display, platform, object)
    handle = ContextHandle(context, connection)
    guard vgpu_eglMakeCurrent(display, nil, nil, context) == EGL_TRUE else {
      throw GraphicsError(.unavailable, object, "eglMakeCurrent: \(ErrorNames.lastEGL())")
    }
    self.config = config
    capabilities = Capabilities(display: display)
    reset = GraphicsReset.query()
    name = "\(object) (\(capabilities.renderer))"
  }

  /// eglMakeCurrent without a surface, for drawing into framebuffer objects and for releasing GL
  /// objects. It costs next to nothing when the context is current already.
  func makeCurrent() throws(GraphicsError) { try makeCurrent(nil) }

  /// eglMakeCurrent with a surface, or with none. Call this before every use, because a toolkit may
  /// make another context current at any time.
  func makeCurrent(_ surface: EGLSurface?) throws(GraphicsError) {
    if vgpu_eglGetCurrentContext() == context,
      vgpu_eglGetCurrentSurface(EGL_DRAW) == surface
    {
      return
    }
    // The bound API is per thread, and a toolkit may have bound desktop GL.
    _ = vgpu_eglBindAPI(GLenum(EGL_OPENGL_ES_API))
    guard vgpu_eglMakeCurrent(display, surface, surface, context) == EGL_TRUE else {
      throw error(afterEGL: "eglMakeCurrent")
    }
  }

  /// The thread's last EGL error as a `GraphicsError`: `lost` for a lost context or window,
  /// `failed` for the rest.
  func error(afterEGL call: String) -> GraphicsError {
    let code = vgpu_eglGetError()
    let isLost =
      code == EGL_CONTEXT_LOST || code == EGL_BAD_NATIVE_WINDOW || code == EGL_BAD_SURFACE
    return GraphicsError(isLost ? .lost : .failed, name, "\(call): \(ErrorNames.egl(code))")
  }

  /// glGetError after `call`: throws an error that happened since the last check.
  func checkGL(_ call: @autoclosure () -> String) throws(GraphicsError) {
    let code = vgpu_glGetError()
    guard code != GLenum(GL_NO_ERROR) else { return }
    // Errors are flags, and GL reports each once. All are cleared, so that no later call is blamed
    // for them.
    for _ in 0..<8 where code != GLenum(GL_CONTEXT_LOST) {
      if vgpu_glGetError() == GLenum(GL_NO_ERROR) { break }
    }
    throw GraphicsError(
      code == GLenum(GL_CONTEXT_LOST) ? .lost : .failed, name, "\(call()): \(ErrorNames.gl(code))")
  }

  /// Throws `GraphicsError.Kind.lost` when the GPU was reset since the context was made. Call it
  /// once for each frame, because no other call reports a reset.
  func checkReset() throws(GraphicsError) {
    if let reset = reset?() { throw GraphicsError(.lost, name, reset.cause) }
  }

  private static func makeContext(
    _ display: EGLDisplay, _ platform: EGLPlatform, _ object: String
  ) throws(GraphicsError) -> (EGLConfig?, EGLContext) {
    var isRobust = vgpu_has_egl_extension(display, "EGL_EXT_create_context_robustness")
    var version: Int32 = 3
    while true {
      if let config = try config(display, platform, version: version, object) {
        var attributes = [EGL_CONTEXT_CLIENT_VERSION, version]
        if isRobust {
          attributes += [
            EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY_EXT, EGL_LOSE_CONTEXT_ON_RESET_EXT,
          ]
        }
        attributes.append(EGL_NONE)
        if let context = vgpu_eglCreateContext(display, config, nil, attributes) {
          return (config, context)
        }
      }
      let cause = ErrorNames.lastEGL()
      // The best first: OpenGL ES 3 that notices resets, then 3, then 2.
      if isRobust {
        isRobust = false
      } else if version == 3 {
        version = 2
      } else {
        throw GraphicsError(
          .unavailable, object, "no OpenGL ES 2 context for it: \(cause)",
          remedy: "install your GPU's driver")
      }
    }
  }

  /// A configuration with eight bits per colour and, if possible, no alpha, so that a compositor
  /// does not blend the window with the pixels behind it.
  private static func config(
    _ display: EGLDisplay, _ platform: EGLPlatform, version: Int32, _ object: String
  ) throws(GraphicsError) -> EGLConfig? {
    var visual: UInt?
    var surfaceType = EGL_WINDOW_BIT
    switch platform {
    case .x11(_, let id): visual = id
    case .wayland: break
    case .device, .surfaceless: surfaceType = 0
    }
    let attributes: [EGLint] = [
      EGL_SURFACE_TYPE, surfaceType,
      EGL_RENDERABLE_TYPE, version == 3 ? EGL_OPENGL_ES3_BIT : EGL_OPENGL_ES2_BIT,
      EGL_RED_SIZE, 8, EGL_GREEN_SIZE, 8, EGL_BLUE_SIZE, 8, EGL_NONE,
    ]
    var configs = [EGLConfig?](repeating: nil, count: 256)
    var count: EGLint = 0
    guard vgpu_eglChooseConfig(display, attributes, &configs, 256, &count) == EGL_TRUE else {
      throw GraphicsError(.unavailable, object, "eglChooseConfig: \(ErrorNames.lastEGL())")
    }
    func value(_ config: EGLConfig?, _ attribute: EGLint) -> EGLint {
      var value: EGLint = 0
      _ = vgpu_eglGetConfigAttrib(display, config, attribute, &value)
      return value
    }
    let fitting = configs.prefix(Int(count)).filter { config in
      let isEightBit = [EGL_RED_SIZE, EGL_GREEN_SIZE, EGL_BLUE_SIZE].allSatisfy {
        value(config, $0) == 8
      }
      guard let visual else { return isEightBit }
      return isEightBit
        && value(config, EGL_NATIVE_VISUAL_ID) == EGLint(truncatingIfNeeded: visual)
    }
    return fitting.first { value($0, EGL_ALPHA_SIZE) == 0 } ?? fitting.first ?? nil
  }
}

/// An `EGLContext`, destroyed before its display is released.
private final class ContextHandle {
  let context: EGLContext
  let connection: EGLConnection

  init(_ context: EGLContext, _ connection: EGLConnection) {
    self.context = context
    self.connection = connection
  }

  deinit {
    if vgpu_eglGetCurrentContext() == context {
      _ = vgpu_eglMakeCurrent(connection.display, nil, nil, nil)
    }
    _ = vgpu_eglDestroyContext(connection.display, context)
  }
}

/// The GPU was reset: the context and all its objects are lost. GL reports the loss only when it is
/// asked: drawing goes on without effect, and reading returns arbitrary bytes.
package enum GraphicsReset: Sendable {
  /// By this context's drawing; the content of a guest's buffers may be the cause.
  case guilty
  /// By another program's drawing.
  case innocent
  case unknown

  /// A call that asks for a reset: the driver's, or a test's.
  package typealias Query = @Sendable () -> GraphicsReset?

  /// A function that later contexts ask instead of the driver, for tests, which have no GPU.
  package static let seam = Mutex<Query?>(nil)

  /// The call that asks the current context (glGetGraphicsResetStatus of GL_KHR_robustness or
  /// GL_EXT_robustness). It costs next to nothing. `nil` when the driver cannot tell.
  static func query() -> Query? {
    if let told = seam.withLock(\.self) { return told }
    if vgpu_has_gl_extension("GL_KHR_robustness") {
      return { GraphicsReset(vgpu_glGetGraphicsResetStatusKHR()) }
    }
    if vgpu_has_gl_extension("GL_EXT_robustness") {
      return { GraphicsReset(vgpu_glGetGraphicsResetStatusEXT()) }
    }
    return nil
  }

  private init?(_ status: GLenum) {
    switch status {
    case GLenum(GL_NO_ERROR): return nil
    case GLenum(GL_GUILTY_CONTEXT_RESET): self = .guilty
    case GLenum(GL_INNOCENT_CONTEXT_RESET): self = .innocent
    default: self = .unknown
    }
  }

  /// The cause, in an error's words.
  var cause: String {
    switch self {
    case .guilty: "the GPU was reset because of this program's drawing"
    case .innocent: "the GPU was reset because of another program"
    case .unknown: "the GPU was reset"
    }
  }
}
