// SPDX-License-Identifier: Apache-2.0

import CX11
import EGLPresenter
import Synchronization
import VGPUDisplay

/// A child window on a connection of its own to the X server. Only one thread uses the connection,
/// because it brings that window's events, and the window ends with it.
final class X11Window {
  /// An Xlib `Display *`.
  let display: OpaquePointer
  let id: Window
  /// The connection on which EGL draws on the window.
  let drawing: X11Drawing

  /// XOpenDisplay, XCreateWindow. The window is not mapped yet.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  init(_ maker: X11CanvasMaker) throws(GraphicsError) {
    drawing = try X11Drawing.connection(to: maker.display)
    display = try X11Drawing.open(maker.display)
    let area = maker.geometry.device
    id = vgpu_x11_create_window(
      display, Window(maker.toplevel), VisualID(maker.visual), Int32(area.x), Int32(area.y),
      UInt32(area.width), UInt32(area.height))
    guard id != 0 else {
      throw GraphicsError(.unavailable, "X11", "the default visual cannot be used")
    }
    // The server does not report an iconified window as obscured.
    XSelectInput(display, Window(maker.toplevel), StructureNotifyMask)
    // The server must know the window before EGL's connection names it.
    XSync(display, 0)
  }

  deinit { XCloseDisplay(display) }
}

/// A connection to an X server on which EGL draws for all views of the process that are on that
/// server. EGL has one `EGLDisplay` for each connection, and with it threads, a screen and a cache,
/// so that connections of their own would cost each view as much again.
///
/// It is open as long as a view has a canvas on it. Nobody asks it for events, because events of
/// several windows would wake the wrong threads: each window has its own connection for these.
final class X11Drawing: @unchecked Sendable {
  // Sendable: the pointer never changes, and EGL uses what it points to on several threads only by
  // XCB, which locks, or by Xlib, which locks after XInitThreads (since libX11 1.8 always).

  /// An Xlib `Display *`.
  let display: OpaquePointer

  private struct Known {
    weak var connection: X11Drawing?
  }
  private static let known = Mutex<[String: Known]>([:])

  private init(_ name: String) throws(GraphicsError) { display = try Self.open(name) }

  /// The process's connection to a server by its name. It is opened at the first call, and at the
  /// first after the end of the last view there.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  static func connection(to name: String) throws(GraphicsError) -> X11Drawing {
    try known.withLock { (known) throws(GraphicsError) in
      known = known.filter { $1.connection != nil }
      if let connection = known[name]?.connection { return connection }
      let connection = try X11Drawing(name)
      known[name] = Known(connection: connection)
      return connection
    }
  }

  /// XOpenDisplay.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  static func open(_ name: String) throws(GraphicsError) -> OpaquePointer {
    guard let display = XOpenDisplay(name) else {
      throw GraphicsError(.unavailable, "X11", "\(name) takes no further connection")
    }
    return display
  }

  /// Waits until the server has done what was asked for before.
  func sync() { vgpu_x11_sync(display) }

  deinit { XCloseDisplay(display) }
}
