// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import FrameStatistics
import Glibc
import TestPatterns
import VGPUDisplay
import ViewerGTK

#if GIO
  import GuestControl
  import QEMUDisplay
#endif

/// Any number of views of synthetic guests, each in a window of its own, for who looks at what they
/// cost the process.
///
/// It is told by lines of its standard input what to do, and answers each by `done`, when all views
/// have shown some frames more: `view` makes a window with a view, `view NAME` one on another display,
/// `window` one with a widget that GTK draws, `display PATH` one with a view of the QEMU at this QMP socket,
/// for whose frames nobody waits; `end` destroys the last window; `frames` prints how the frames of each view
/// fared.
@MainActor
final class Views {
  private static var shown: Views?
  private let options: [String: String]
  private let size: (width: Int, height: Int)
  private var windows: [(window: Widget, view: GuestView?)] = []
  /// The windows of QEMUs.
  private var displays: [(window: Widget, view: GuestView)] = []
  /// How many frames each view has to present before an answer.
  private var awaited: [Int]?

  private init(_ options: [String: String]) {
    self.options = options
    size = (options["width"].flatMap(Int.init) ?? 1024, options["height"].flatMap(Int.init) ?? 768)
  }

  static func run(_ options: [String: String]) throws {
    XInitThreads()
    guard gtk_init_check(nil, nil) != 0 else { throw ViewerError.noDisplayServer }
    shown = Views(options)
    onOrders { shown?.follow($0) }
    g_timeout_add(
      20,
      { _ in
        MainActor.assumeIsolated { Views.shown?.answer() }
        return 1
      }, nil)
    gtk_main()
    // The threads that draw must not outlive main.
    for display in shown?.displays ?? [] { gtk_widget_destroy(display.window) }
    while shown?.windows.isEmpty == false { shown?.end() }
  }

  private func follow(_ words: [String]) {
    switch words.first {
    case "view": add(true, on: words.dropFirst().first.flatMap { gdk_display_open($0) })
    case "window": add(false, on: nil)
    case "display": addDisplay(words.dropFirst().joined(separator: " "))
    case "end": end()
    case "frames": tellFrames()
    default: gtk_main_quit()
    }
    let more = options["frames"].flatMap(Int.init) ?? 30
    awaited = windows.compactMap { $0.view.map { $0.statistics.framesPresented + more } }
  }

  private func answer() {
    guard let awaited else { return }
    let presented = windows.compactMap { $0.view?.statistics.framesPresented }
    guard zip(presented, awaited).allSatisfy({ $0 >= $1 }) else { return }
    self.awaited = nil
    report("done")
  }

  private func add(_ hasView: Bool, on display: OpaquePointer?) {
    let window: Widget = gtk_window_new(GTK_WINDOW_TOPLEVEL)
    if let display {
      gtk_window_set_screen(vgpu_gtk_window(window), gdk_display_get_default_screen(display))
    }
    gtk_window_set_decorated(vgpu_gtk_window(window), 0)
    gtk_window_set_default_size(vgpu_gtk_window(window), gint(size.width), gint(size.height))
    let rate = options["rate"].flatMap(Double.init) ?? 60
    let view =
      hasView
      ? (try? SyntheticGuest(
        pattern: TestPattern(width: size.width, height: size.height, live: .full),
        framesPerSecond: rate)).flatMap { try? GuestView(source: DisplaySource($0)) } : nil
    if hasView, view == nil { return report("error=no view") }
    gtk_container_add(vgpu_gtk_container(window), view?.widget ?? gtk_drawing_area_new())
    // Side by side on X11, because a covered view rests.
    let (column, row) = (windows.count % 2, windows.count / 2)
    gtk_window_move(vgpu_gtk_window(window), gint(column * size.width), gint(row * size.height))
    gtk_widget_show_all(window)
    windows.append((window, view))
  }

  private func addDisplay(_ socket: String) {
    #if GIO
      let connector = QMPDisplayConnector(.socket(socket), guest: "QEMU")
      guard let source = try? QEMUDisplaySource(connector, guest: "QEMU"),
        let view = try? GuestView(source: source)
      else { return report("error=no view") }
      view.input = source.input
      let window: Widget = gtk_window_new(GTK_WINDOW_TOPLEVEL)
      gtk_window_set_default_size(vgpu_gtk_window(window), 320, 240)
      gtk_container_add(vgpu_gtk_container(window), view.widget)
      gtk_window_move(vgpu_gtk_window(window), 0, gint(size.height))
      gtk_widget_show_all(window)
      displays.append((window, view))
    #endif
  }

  private func end() {
    guard let last = windows.popLast() else { return }
    gtk_widget_destroy(last.window)
  }

  private func tellFrames() {
    for case let view? in windows.map(\.view) {
      let (statistics, frames) = (view.statistics, view.frameMeasurement().report)
      func times(_ step: FrameStep) -> String {
        let times = frames[step]
        return "\(times.p50 / 1000) \(times.p95 / 1000) \(times.p99 / 1000) \(times.max / 1000)"
      }
      report(
        "presented=\(frames[.presented]) missed=\(frames[.missed]) late=\(statistics.framesLate)"
          + " draw=\(times(.draw)) detected-to-committed=\(times(.detectToCommit))"
          + " interval=\(times(.interval)) path=\(statistics.path?.rawValue ?? "none")"
          + " fallback=\(statistics.fallback?.description ?? "none")")
    }
  }
}
