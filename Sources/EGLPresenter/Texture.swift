// SPDX-License-Identifier: Apache-2.0

import CEGL

/// A GL texture and how it is to be sampled. It belongs to a context, which is current when this
/// is made and released.
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

  /// Binding is also what makes others' changes to an imported buffer visible.
  func bind(_ filter: Placement.Filter) {
    vgpu_glBindTexture(target, name)
    guard filter != self.filter else { return }
    self.filter = filter
    let value = filter == .nearest ? GL_NEAREST : GL_LINEAR
    vgpu_glTexParameteri(target, GLenum(GL_TEXTURE_MIN_FILTER), value)
    vgpu_glTexParameteri(target, GLenum(GL_TEXTURE_MAG_FILTER), value)
  }
}
