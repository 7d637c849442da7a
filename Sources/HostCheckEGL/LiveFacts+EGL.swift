// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
public import HostCheck

extension LiveFacts {
  /// Asks this machine, and EGL about its GPU. EGL may load the GPU's driver into this process.
  ///
  /// - Parameter qemu: QEMU's program, as a path or as a name to search in `PATH`.
  public init(qemu: String) {
    self.init(qemu: qemu) { Self.graphics(on: $0) }
  }

  /// Asks EGL about a GPU. It may load the GPU's driver into this process.
  ///
  /// - Parameter node: the GPU's render node; `nil` for a renderer without one.
  public static func graphics(on node: String?) -> Result<Graphics, GraphicsRefusal> {
    do {
      let context = try RenderContext(.headless(renderNode: node))
      let capabilities = context.capabilities
      var graphics = Graphics(
        renderer: capabilities.renderer, isSoftware: capabilities.isSoftware,
        importsDMABufs: capabilities.importsDMABufs,
        importsModifiers: capabilities.importsModifiers)
      graphics.sharesPictures = try context.sharesPictures()
      return .success(graphics)
    } catch {
      return .failure(GraphicsRefusal("\(error)"))
    }
  }
}
