// SPDX-License-Identifier: Apache-2.0

import CEGL
import Synchronization

/// The origin of an EGL display.
public enum EGLPlatform {
  /// No window: a GPU by its DRM node (`/dev/dri/renderD128`, EGL_EXT_platform_device).
  case device(node: String)
  /// No window and no node: Mesa's choice, which is a software renderer on a machine without a GPU
  /// (EGL_MESA_platform_surfaceless).
  case surfaceless
  /// A Wayland connection, a `struct wl_display *` that outlives the context
  /// (EGL_EXT_platform_wayland).
  case wayland(display: UnsafeMutableRawPointer)
  /// An X11 connection, an Xlib `Display *` that outlives the context and that nobody but render
  /// contexts uses EGL on, and the visual (`VisualID`) of the windows that will be drawn on (EGL_EXT_platform_x11).
  case x11(display: UnsafeMutableRawPointer, visual: UInt)

  /// The platform's name in errors and statistics.
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

/// An initialised EGL display.
///
/// EGL hands out one display per native display and process, and does not count its users. So this
/// type counts the users of the displays that only this process's renderers use, and terminates
/// each with its last user. The toolkit may use the display of a Wayland connection too. Such a
/// display is never terminated: it ends with the process.
final class EGLConnection {
  let display: EGLDisplay
  private let isShared: Bool
  /// The native display's owner; released after the EGL display is terminated.
  private let owner: AnyObject?

  private static let users = Mutex<[UInt: Int]>([:])

  init(_ platform: EGLPlatform, keeping owner: AnyObject? = nil) throws(GraphicsError) {
    guard vgpu_has_egl() else {
      throw GraphicsError(
        .unavailable, "EGL", "libEGL.so.1 cannot be loaded", remedy: "install libegl1")
    }
    guard vgpu_has_egl_extension(nil, "EGL_EXT_platform_base") else {
      throw GraphicsError(
        .unavailable, "EGL", "no driver is installed (EGL_EXT_platform_base is missing)",
        remedy: "install libegl-mesa0 or your GPU's driver")
    }
    let display = try Self.find(platform)
    isShared =
      switch platform {
      case .wayland: true
      case .x11, .device, .surfaceless: false
      }
    let isInitialized = Self.users.withLock { users in
      guard vgpu_eglInitialize(display, nil, nil) == EGL_TRUE else { return false }
      users[UInt(bitPattern: display), default: 0] += 1
      return true
    }
    guard isInitialized else {
      throw GraphicsError(
        .unavailable, "EGL on \(platform.name)", "eglInitialize: \(ErrorNames.lastEGL())",
        remedy: "check that the GPU's driver is installed and its /dev/dri node is accessible")
    }
    self.display = display
    self.owner = owner
  }

  deinit {
    let isShared = isShared
    let key = UInt(bitPattern: display)
    Self.users.withLock { users in
      users[key, default: 1] -= 1
      guard users[key] == 0 else { return }
      users[key] = nil
      if !isShared { _ = vgpu_eglTerminate(UnsafeMutableRawPointer(bitPattern: key)) }
    }
  }

  private static func find(_ platform: EGLPlatform) throws(GraphicsError) -> EGLDisplay {
    let (code, extensionName, native): (Int32, String, UnsafeMutableRawPointer?) =
      switch platform {
      case .device(let node):
        (EGL_PLATFORM_DEVICE_EXT, "EGL_EXT_platform_device", try device(node))
      case .surfaceless: (EGL_PLATFORM_SURFACELESS_MESA, "EGL_MESA_platform_surfaceless", nil)
      case .wayland(let display): (EGL_PLATFORM_WAYLAND_EXT, "EGL_EXT_platform_wayland", display)
      case .x11(let display, _): (EGL_PLATFORM_X11_EXT, "EGL_EXT_platform_x11", display)
      }
    guard vgpu_has_egl_extension(nil, extensionName) else {
      throw GraphicsError(
        .unavailable, "EGL on \(platform.name)", "the driver lacks \(extensionName)",
        remedy: "use Mesa's libEGL")
    }
    guard let display = vgpu_eglGetPlatformDisplayEXT(GLenum(code), native, nil) else {
      throw GraphicsError(
        .unavailable, "EGL on \(platform.name)", "eglGetPlatformDisplay: \(ErrorNames.lastEGL())")
    }
    return display
  }

  /// The EGL device whose primary or render node has this path.
  private static func device(_ node: String) throws(GraphicsError) -> UnsafeMutableRawPointer? {
    var count: EGLint = 0
    guard vgpu_has_egl_extension(nil, "EGL_EXT_device_enumeration"),
      vgpu_has_egl_extension(nil, "EGL_EXT_device_query"),
      vgpu_eglQueryDevicesEXT(0, nil, &count) == EGL_TRUE
    else {
      throw GraphicsError(
        .unavailable, "EGL on \(node)", "the driver cannot list its devices",
        remedy: "leave the render node out")
    }
    var devices = [EGLDeviceEXT?](repeating: nil, count: Int(count))
    _ = vgpu_eglQueryDevicesEXT(count, &devices, &count)
    var nodes: [String] = []
    for device in devices.prefix(Int(count)) {
      for name in [EGL_DRM_RENDER_NODE_FILE_EXT, EGL_DRM_DEVICE_FILE_EXT] {
        let answer = vgpu_eglQueryDeviceStringEXT(device, name)
        // A software device has no node. Its error is cleared, so that no later call is blamed for
        // it.
        guard let answer else {
          _ = vgpu_eglGetError()
          continue
        }
        let path = String(cString: answer)
        if path == node { return device }
        nodes.append(path)
      }
    }
    throw GraphicsError(
      .unavailable, node, "no EGL driver has a device with this DRM node",
      remedy: nodes.isEmpty
        ? "there is no device with one; leave the render node out"
        : "choose among \(nodes.joined(separator: ", "))")
  }
}
