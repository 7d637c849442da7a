// SPDX-License-Identifier: Apache-2.0

/// How the guest's pixels get onto the screen.
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
