// SPDX-License-Identifier: Apache-2.0

/// Something that EGL or OpenGL ES refused, or that a renderer cannot do.
public struct GraphicsError: Error, Hashable, Sendable {
  /// What has to be done differently because of it.
  public enum Kind: Hashable, Sendable {
    /// There is no EGL, no such device, or no context to be had: draw by other means.
    case unavailable
    /// The driver does not take this buffer; others may do.
    case importRefused
    /// This picture can be neither imported nor copied; others may be.
    case cannotShow
    /// The GPU was reset (glGetGraphicsResetStatus) or the window is gone: make context, renderer
    /// and surface anew.
    case lost
    /// A call failed that should not: a defect here or in the driver.
    case failed
  }

  /// What has to be done differently because of it.
  public var kind: Kind
  /// What it was about: a renderer, a render node, a buffer.
  public var object: String
  /// What went wrong: the call and its error code's name, or a sentence.
  public var cause: String
  /// What the user can do about it; `nil` where nothing is known that helps.
  public var remedy: String?

  /// Makes an error of its four parts.
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
