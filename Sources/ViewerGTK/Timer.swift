// SPDX-License-Identifier: Apache-2.0

import CGTK3

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
