// SPDX-License-Identifier: Apache-2.0

import CEGL
package import Synchronization

/// The GPU was reset, which took along the context and all that was made with it. GL says nothing of
/// that unless it is asked: what is drawn on goes nowhere, and what is read is anything.
package enum GraphicsReset: Sendable {
  /// By what this context had drawn; what a guest has in its buffers may be why.
  case guilty
  /// By somebody else's drawing.
  case innocent
  case unknown

  /// Whose word is taken: the driver's, or a test's.
  package typealias Query = @Sendable () -> GraphicsReset?

  /// What contexts made from then on ask instead of the driver: for tests, which have no GPU.
  package static let seam = Mutex<Query?>(nil)

  /// How the current context is asked (glGetGraphicsResetStatus of GL_KHR_robustness or
  /// GL_EXT_robustness), which costs next to nothing; `nil` where the driver cannot tell.
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

  /// The cause as an error has it.
  var cause: String {
    switch self {
    case .guilty: "the GPU was reset because of what was drawn with it here"
    case .innocent: "the GPU was reset because of another program"
    case .unknown: "the GPU was reset"
    }
  }
}
