// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// Why no window can be shown.
public enum ViewerError: Error, Hashable, Sendable {
  /// gtk_init_check failed: there is nothing to open a window on.
  case noDisplayServer
  /// The view's thread cannot be had.
  case system(SystemCallError)
}

extension ViewerError: CustomStringConvertible {
  /// One line: what is missing, and what to do about it.
  public var description: String {
    switch self {
    case .noDisplayServer:
      "no display server: neither WAYLAND_DISPLAY nor DISPLAY leads to one; run this inside a graphical session, or set one of them (and XDG_RUNTIME_DIR for Wayland)"
    case .system(let error): "\(error)"
    }
  }
}
