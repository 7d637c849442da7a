// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CX11
import Glibc
public import LinuxSystem
public import VGPUDisplay

/// The whole of a viewer: a window, GTK's main loop, an orderly end.
@MainActor
public enum Viewer {
  /// Shows a guest in a window of its own until the user closes it, `options.frames` or
  /// `options.time` is over, or SIGTERM comes. SIGINT, which is Ctrl+C in the terminal, does
  /// what the window's close button does. It runs GTK's main loop, on the main thread, and returns
  /// after everything it made is released.
  ///
  /// When the display server goes away, GDK ends the process.
  ///
  /// - Parameters:
  ///   - source: the frame source. It is looked at once, for the window's size, and then on a
  ///     thread of its own.
  ///   - options: the window's settings, and its end.
  /// - Throws: `ViewerError` when no window can be opened.
  public static func run(
    source: sending any FrameSource, options: ViewerOptions = ViewerOptions()
  ) throws(ViewerError) -> ViewerStatistics {
    // Xlib before 1.8 does not prepare for threads by itself, and a render thread has a connection
    // of its own.
    XInitThreads()
    guard gtk_init_check(nil, nil) != 0 else { throw .noDisplayServer }
    do {
      return try ViewerRun(source: source, options: options).wait()
    } catch {
      throw .system(error)
    }
  }
}

/// One run of the main loop.
@MainActor
private final class ViewerRun {
  private let window: ViewerWindow
  private let loop: OpaquePointer?
  private var statistics = ViewerStatistics()
  private var signals: [guint] = []
  private var deadline: Timer?
  private var watch: Timer?
  private var isOver = false

  init(
    source: sending any FrameSource, options: ViewerOptions
  ) throws(SystemCallError) {
    window = try ViewerWindow(source: source, options: options)
    loop = g_main_loop_new(nil, 0)
    window.onClose = { [unowned self] in end() }
    window.view.frameLimit = options.frames
    window.view.onFinish = { [unowned self] in end() }
    if let time = options.time {
      // The longest time that GLib can count.
      let most = Double(Int32.max)
      let milliseconds = Int(min(max(0, time / .milliseconds(1)), most))
      deadline = Timer(milliseconds: milliseconds) { [unowned self] in end() }
    }
    if options.isOver != nil || options.timeOfFrames != nil {
      watch = Timer(milliseconds: 250) { [unowned self] in
        if options.isOver?() == true || hasShown(options.timeOfFrames) { end() }
      }
    }
    let data = Unmanaged.borrowed(self)
    signals.append(g_unix_signal_add(SIGINT, onInterrupt, data))
    signals.append(g_unix_signal_add(SIGTERM, onTerminate, data))
    unblockSignals()
  }

  private func hasShown(_ time: Duration?) -> Bool {
    guard let time, let first = window.view.statistics.firstPresentedAt else { return false }
    return MonotonicInstant.now.seconds(since: first) >= time / .seconds(1)
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

  isolated deinit {
    for id in signals { g_source_remove(id) }
    g_main_loop_unref(loop)
  }

  func wait() -> ViewerStatistics {
    if !isOver { g_main_loop_run(loop) }
    statistics = window.view.statistics
    window.close()
    // Closing has left work for the main loop: unmapping and the last events.
    while g_main_context_iteration(nil, 0) != 0 {}
    // The recording thread has ended, so the report is complete.
    statistics.frames = window.view.frameMeasurement()
    return statistics
  }

  func interrupt() { window.requestClose() }

  func end() {
    isOver = true
    g_main_loop_quit(loop)
  }
}

private func onInterrupt(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: ViewerRun.self) { $0.interrupt() }
  return 1
}

private func onTerminate(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: ViewerRun.self) { $0.end() }
  return 1
}

/// Why no window can be shown.
@nonexhaustive
public enum ViewerError: Error, Hashable, Sendable {
  /// gtk_init_check failed, because no display server can be reached.
  case noDisplayServer
  /// The view's thread cannot be made.
  case system(SystemCallError)
}

extension ViewerError: CustomStringConvertible {
  /// One line: the cause and the remedy.
  public var description: String {
    switch self {
    case .noDisplayServer:
      "no display server: neither WAYLAND_DISPLAY nor DISPLAY leads to one; run this inside a graphical session, or set one of them (and XDG_RUNTIME_DIR for Wayland)"
    case .system(let error): "\(error)"
    }
  }
}
