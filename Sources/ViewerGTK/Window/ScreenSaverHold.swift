// SPDX-License-Identifier: Apache-2.0

import CGTK3
import Glibc

/// A hold on the session's screen saver (`org.freedesktop.ScreenSaver`, which GNOME, KDE, Xfce, MATE and
/// XScreenSaver have). The screen saver forgets it when this process, or its connection to the bus, ends.
///
/// Nothing waits for the bus. The connection is this object's own, because GLib's shared one ends the process
/// with the bus.
@MainActor
final class ScreenSaverHold: Sendable {
  private let reason: String
  private var connection: OpaquePointer?
  private var cookie: UInt32?
  private var hasEnded = false

  private static let name = "org.freedesktop.ScreenSaver"
  private static let path = "/org/freedesktop/ScreenSaver"

  /// Asks for the hold.
  ///
  /// - Parameter reason: why, for a person who asks the desktop.
  init(because reason: String) {
    self.reason = reason
    guard let address = Self.address else { return }
    let flags =
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT.rawValue
      | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION.rawValue
    g_dbus_connection_new_for_address(
      address, GDBusConnectionFlags(rawValue: flags), nil, nil, onConnected, retained())
  }

  isolated deinit {
    if let connection { g_object_unref(UnsafeMutableRawPointer(connection)) }
  }

  /// The session bus; `nil` when there is none. None is started: no screen saver would be on it.
  private static var address: String? {
    if let named = getenv("DBUS_SESSION_BUS_ADDRESS") { return String(cString: named) }
    guard let folder = getenv("XDG_RUNTIME_DIR") else { return nil }
    let path = "\(String(cString: folder))/bus"
    guard access(path, F_OK) == 0, let escaped = g_dbus_address_escape_value(path) else {
      return nil
    }
    defer { g_free(escaped) }
    return "unix:path=\(String(cString: escaped))"
  }

  /// Gives the hold back, now or when it has come.
  func end() {
    hasEnded = true
    giveBack()
  }

  private func giveBack() {
    guard hasEnded, let cookie = cookie.take() else { return }
    // The answer frees this object, and the connection with it.
    call("UnInhibit", [g_variant_new_uint32(cookie)], onGivenBack)
  }

  fileprivate func connected(_ connection: OpaquePointer?) {
    self.connection = connection
    guard connection != nil, !hasEnded else { return }
    call(
      "Inhibit", [g_variant_new_string("swift-vgpu"), g_variant_new_string(reason)], onInhibited)
  }

  fileprivate func inhibited(_ cookie: UInt32?) {
    self.cookie = cookie
    giveBack()
  }

  /// GLib calls `answered` once, with the reference to this object.
  private func call(
    _ member: String, _ arguments: [OpaquePointer?], _ answered: @escaping GAsyncReadyCallback
  ) {
    g_dbus_connection_call(
      connection, Self.name, Self.path, Self.name, member,
      g_variant_new_tuple(arguments, gsize(arguments.count)), nil, G_DBUS_CALL_FLAGS_NONE, -1, nil,
      answered, retained())
  }

  private func retained() -> UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }
}

/// Takes the reference that a call was given.
private func answered(
  _ data: UnsafeMutableRawPointer?, _ body: @MainActor (ScreenSaverHold) -> Void
) {
  guard let data else { return }
  let hold = Unmanaged<ScreenSaverHold>.fromOpaque(data)
  MainActor.assumeIsolated { body(hold.takeRetainedValue()) }
}

private func onConnected(
  _ source: UnsafeMutablePointer<GObject>?, _ result: OpaquePointer?,
  _ data: UnsafeMutableRawPointer?
) {
  nonisolated(unsafe) let connection = g_dbus_connection_new_for_address_finish(result, nil)
  answered(data) { $0.connected(connection) }
}

private func onInhibited(
  _ source: UnsafeMutablePointer<GObject>?, _ result: OpaquePointer?,
  _ data: UnsafeMutableRawPointer?
) {
  var cookie: UInt32?
  if let source,
    let answer = g_dbus_connection_call_finish(OpaquePointer(source), result, nil)
  {
    defer { g_variant_unref(answer) }
    // Whoever has the name may answer anything.
    if String(cString: g_variant_get_type_string(answer)) == "(u)",
      let number = g_variant_get_child_value(answer, 0)
    {
      cookie = g_variant_get_uint32(number)
      g_variant_unref(number)
    }
  }
  answered(data) { $0.inhibited(cookie) }
}

private func onGivenBack(
  _ source: UnsafeMutablePointer<GObject>?, _ result: OpaquePointer?,
  _ data: UnsafeMutableRawPointer?
) {
  if let source,
    let answer = g_dbus_connection_call_finish(OpaquePointer(source), result, nil)
  {
    g_variant_unref(answer)
  }
  answered(data) { _ in }
}
