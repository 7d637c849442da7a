// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CX11
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
    try start()
    do {
      return try ViewerRun(source: source, options: options).wait()
    } catch {
      throw .system(error)
    }
  }

  static func start() throws(ViewerError) {
    // Xlib before 1.8 does not prepare for threads by itself, and a render thread has a connection
    // of its own.
    XInitThreads()
    guard gtk_init_check(nil, nil) != 0 else { throw .noDisplayServer }
    MainQueue.attach()
  }
}

/// Several windows in one program, such as one for each head of a guest, which open and close while the
/// program runs. One of them at a time has the grab of keyboard and mouse.
@MainActor
public final class ViewerWindows {
  private var windows: [Int: ViewerWindow] = [:]
  private let loop = ViewerLoop()
  private var deadline: Timer?

  /// Starts GTK. Call it on the main thread.
  ///
  /// - Throws: `ViewerError.noDisplayServer`.
  public init() throws(ViewerError) { try Viewer.start() }

  /// The keys of the windows that are open.
  public var open: Set<Int> { Set(windows.keys) }

  /// Opens a window, until the user or `close` closes it.
  ///
  /// - Parameters:
  ///   - key: tells the window from the others. A window with the same key is closed first.
  ///   - source: the frame source. It is looked at once, for the window's size, and then on a thread of
  ///     its own.
  ///   - options: the window's settings. Its end (`frames`, `time`, `timeOfFrames`, `untilEnd`) is not
  ///     looked at.
  /// - Throws: `ViewerError.system` when the view's thread cannot be made.
  public func open(
    _ key: Int, source: sending any FrameSource, options: ViewerOptions = ViewerOptions()
  ) throws(ViewerError) {
    // The end of the last window ends the program's loop, so the old window is no longer one of these.
    let old = windows.removeValue(forKey: key)
    old?.onClose = nil
    old?.close()
    let window: ViewerWindow
    do {
      window = try ViewerWindow(source: source, options: options)
    } catch {
      if old != nil, windows.isEmpty { loop.end() }
      throw .system(error)
    }
    windows[key] = window
    window.onClose = { [unowned self, unowned window] in closed(window, key) }
  }

  /// Closes a window, if it is open.
  public func close(_ key: Int) { windows[key]?.close() }

  /// Runs GTK's main loop until the last window is closed, until the time is over, or until SIGTERM
  /// comes. SIGINT does what each window's close button does. Returns after everything of the windows is
  /// released.
  ///
  /// - Parameter time: the longest time; `nil` for no end.
  public func run(for time: Duration? = nil) {
    loop.onInterrupt = { [unowned self] in
      for window in windows.values { window.requestClose() }
    }
    deadline = time.map { time in
      Timer(milliseconds: ViewerLoop.milliseconds(time)) { [unowned self] in loop.end() }
    }
    if !windows.isEmpty { loop.run() }
    deadline = nil
    for key in open { close(key) }
    loop.finish()
  }

  private func closed(_ window: ViewerWindow, _ key: Int) {
    if windows[key] === window { windows[key] = nil }
    if windows.isEmpty { loop.end() }
  }
}

/// One window, until its end.
@MainActor
private final class ViewerRun {
  private let window: ViewerWindow
  private let loop: ViewerLoop
  private var deadline: Timer?
  private var watch: Timer?
  private var guestEnd: Task<Void, Never>?

  init(
    source: sending any FrameSource, options: ViewerOptions
  ) throws(SystemCallError) {
    window = try ViewerWindow(source: source, options: options)
    let loop = ViewerLoop()
    self.loop = loop
    window.onClose = { loop.end() }
    window.view.frameLimit = options.frames
    window.view.onFinish = { loop.end() }
    loop.onInterrupt = { [unowned self] in window.requestClose() }
    deadline = options.time.map { time in
      Timer(milliseconds: ViewerLoop.milliseconds(time)) { loop.end() }
    }
    if options.onProgress != nil || options.timeOfFrames != nil {
      watch = Timer(milliseconds: 250) { [unowned self] in
        options.onProgress?()
        if hasShown(options.timeOfFrames) { loop.end() }
      }
    }
    guestEnd = options.untilEnd.map { untilEnd in
      Task {
        await untilEnd()
        if !Task.isCancelled { loop.end() }
      }
    }
  }

  private func hasShown(_ time: Duration?) -> Bool {
    guard let time, let first = window.view.statistics.firstPresentedAt else { return false }
    return MonotonicInstant.now.seconds(since: first) >= time / .seconds(1)
  }

  func wait() -> ViewerStatistics {
    loop.run()
    guestEnd?.cancel()
    var statistics = window.view.statistics
    window.close()
    loop.finish()
    // The recording thread has ended, so the report is complete.
    statistics.frames = window.view.frameMeasurement()
    return statistics
  }
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
