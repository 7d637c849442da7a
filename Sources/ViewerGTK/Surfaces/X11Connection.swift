// SPDX-License-Identifier: Apache-2.0

import CX11
import EGLPresenter

/// A connection to the X server, which one thread alone uses.
final class X11Connection {
  /// An Xlib `Display *`.
  let display: OpaquePointer

  /// XOpenDisplay.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  init(_ name: String) throws(GraphicsError) {
    guard let display = XOpenDisplay(name) else {
      throw GraphicsError(.unavailable, "X11", "\(name) takes no second connection")
    }
    self.display = display
  }

  deinit { XCloseDisplay(display) }
}
