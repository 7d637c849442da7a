// SPDX-License-Identifier: Apache-2.0

import CEGL

/// A refusal by EGL or OpenGL ES, or a task that a renderer cannot do.
public struct GraphicsError: Error, Hashable, Sendable {
  /// What has to be done differently because of it.
  @nonexhaustive
  public enum Kind: Hashable, Sendable {
    /// EGL, the device or a context is not available: draw by other means.
    case unavailable
    /// The driver does not take this buffer; other buffers may work.
    case importRefused
    /// This picture can be neither imported nor copied; other pictures may work.
    case cannotShow
    /// The GPU was reset (glGetGraphicsResetStatus) or the window is gone: make the context, the
    /// renderer and the surface anew.
    case lost
    /// A call failed unexpectedly: a defect here or in the driver.
    case failed
  }

  /// What has to be done differently because of it.
  public var kind: Kind
  /// The object: a renderer, a render node, a buffer.
  public var object: String
  /// The cause: the call and its error code's name, or a sentence.
  public var cause: String
  /// The remedy for the user; `nil` when none is known.
  public var remedy: String?

  /// Makes an error from its four parts.
  public init(_ kind: Kind, _ object: String, _ cause: String, remedy: String? = nil) {
    self.kind = kind
    self.object = object
    self.cause = cause
    self.remedy = remedy
  }
}

extension GraphicsError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    guard let remedy else { return "\(object): \(cause)" }
    return "\(object): \(cause); \(remedy)"
  }
}

/// The names of EGL's and GL's error codes, as their headers spell them.
enum ErrorNames {
  /// The name of the thread's last EGL error (eglGetError). The call clears the error.
  static func lastEGL() -> String { egl(vgpu_eglGetError()) }

  static func egl(_ code: EGLint) -> String {
    switch code {
    case EGL_SUCCESS: "no reason given"
    case EGL_NOT_INITIALIZED: "EGL_NOT_INITIALIZED"
    case EGL_BAD_ACCESS: "EGL_BAD_ACCESS"
    case EGL_BAD_ALLOC: "EGL_BAD_ALLOC"
    case EGL_BAD_ATTRIBUTE: "EGL_BAD_ATTRIBUTE"
    case EGL_BAD_CONFIG: "EGL_BAD_CONFIG"
    case EGL_BAD_CONTEXT: "EGL_BAD_CONTEXT"
    case EGL_BAD_CURRENT_SURFACE: "EGL_BAD_CURRENT_SURFACE"
    case EGL_BAD_DISPLAY: "EGL_BAD_DISPLAY"
    case EGL_BAD_MATCH: "EGL_BAD_MATCH"
    case EGL_BAD_NATIVE_PIXMAP: "EGL_BAD_NATIVE_PIXMAP"
    case EGL_BAD_NATIVE_WINDOW: "EGL_BAD_NATIVE_WINDOW"
    case EGL_BAD_PARAMETER: "EGL_BAD_PARAMETER"
    case EGL_BAD_SURFACE: "EGL_BAD_SURFACE"
    case EGL_CONTEXT_LOST: "EGL_CONTEXT_LOST"
    default: "EGL error 0x" + String(code, radix: 16)
    }
  }

  static func gl(_ code: GLenum) -> String {
    switch Int32(bitPattern: code) {
    case GL_INVALID_ENUM: "GL_INVALID_ENUM"
    case GL_INVALID_VALUE: "GL_INVALID_VALUE"
    case GL_INVALID_OPERATION: "GL_INVALID_OPERATION"
    case GL_INVALID_FRAMEBUFFER_OPERATION: "GL_INVALID_FRAMEBUFFER_OPERATION"
    case GL_OUT_OF_MEMORY: "GL_OUT_OF_MEMORY"
    case GL_CONTEXT_LOST: "GL_CONTEXT_LOST"
    default: "GL error 0x" + String(code, radix: 16)
    }
  }
}
