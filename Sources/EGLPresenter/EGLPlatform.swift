// SPDX-License-Identifier: Apache-2.0

/// Where an EGL display comes from.
public enum EGLPlatform {
  /// No window: a GPU by its DRM node (`/dev/dri/renderD128`, EGL_EXT_platform_device).
  case device(node: String)
  /// No window and no node: Mesa's choice, a software renderer where there is no GPU
  /// (EGL_MESA_platform_surfaceless).
  case surfaceless
  /// A Wayland connection, a `struct wl_display *` that outlives the context
  /// (EGL_EXT_platform_wayland).
  case wayland(display: UnsafeMutableRawPointer)
  /// An X11 connection, an Xlib `Display *` that outlives the context and that nobody else uses EGL
  /// on, and the visual (`VisualID`) of the windows that will be drawn on (EGL_EXT_platform_x11).
  case x11(display: UnsafeMutableRawPointer, visual: UInt)

  /// What it is called in errors and statistics.
  public var name: String {
    switch self {
    case .device(let node): node
    case .surfaceless: "surfaceless"
    case .wayland: "wayland"
    case .x11: "x11"
    }
  }

  /// The platform for drawing without a window: the GPU with this DRM node or, without one, Mesa's
  /// choice.
  public static func headless(renderNode: String?) -> EGLPlatform {
    guard let renderNode else { return .surfaceless }
    return .device(node: renderNode)
  }
}
