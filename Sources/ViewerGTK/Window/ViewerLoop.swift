// SPDX-License-Identifier: Apache-2.0

import CGTK3
import Glibc

/// GTK's main loop of a viewer, with the signals that end it.
@MainActor
final class ViewerLoop {
  /// Called when SIGINT comes.
  var onInterrupt: (@MainActor () -> Void)?
  private let loop = g_main_loop_new(nil, 0)
  private var signals: [guint] = []
  private var isOver = false

  init() {
    let data = Unmanaged.borrowed(self)
    signals.append(g_unix_signal_add(SIGINT, onSIGINT, data))
    signals.append(g_unix_signal_add(SIGTERM, onSIGTERM, data))
    unblockSignals()
  }

  isolated deinit {
    for id in signals { g_source_remove(id) }
    g_main_loop_unref(loop)
  }

  /// A parent process may have started this one with every signal blocked, as Foundation's
  /// `Process` does.
  private func unblockSignals() {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }

  /// Runs until `end`.
  func run() {
    if !isOver { g_main_loop_run(loop) }
  }

  func end() {
    isOver = true
    Paste.endAll()
    g_main_loop_quit(loop)
  }

  /// Does what closed windows have left for the main loop: unmapping and the last events.
  func finish() {
    while g_main_context_iteration(nil, 0) != 0 {}
  }

  fileprivate func interrupt() { onInterrupt?() }

  /// A time in milliseconds, at most the longest time that GLib can count.
  static func milliseconds(_ time: Duration) -> Int {
    Int(min(max(0, time / .milliseconds(1)), Double(Int32.max)))
  }
}

private func onSIGINT(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: ViewerLoop.self) { $0.interrupt() }
  return 1
}

private func onSIGTERM(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: ViewerLoop.self) { $0.end() }
  return 1
}
