// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// Turns the data pointer of a C callback back into its object. GTK and libwayland's default queue
/// call on the main thread alone.
func onMain<Object: AnyObject & Sendable>(
  _ data: UnsafeMutableRawPointer?, as type: Object.Type, _ body: @MainActor (Object) -> Void
) {
  guard let data else { return }
  let object = Unmanaged<Object>.fromOpaque(data).takeUnretainedValue()
  MainActor.assumeIsolated { body(object) }
}

extension Unmanaged {
  /// The data pointer for a callback that does not keep its object alive.
  static func borrowed(_ object: Instance) -> UnsafeMutableRawPointer {
    passUnretained(object).toOpaque()
  }
}

/// A repeating call on GTK's main loop (g_timeout_add), until it is stopped or released.
@MainActor
final class Timer {
  private let body: @MainActor () -> Void
  private var id: guint = 0

  init(milliseconds: Int, _ body: @escaping @MainActor () -> Void) {
    self.body = body
    id = g_timeout_add(guint(milliseconds), onTime, Unmanaged.borrowed(self))
  }

  isolated deinit {
    if id != 0 { g_source_remove(id) }
  }

  fileprivate func fire() { body() }
}

private func onTime(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: Timer.self) { $0.fire() }
  return 1
}
