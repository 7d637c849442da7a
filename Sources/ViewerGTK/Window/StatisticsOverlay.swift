// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// The statistics over a guest's picture: a graph of the last intervals between presentations, and
/// the numbers. Cairo draws the overlay a few times a second, and the view's canvas lays it over
/// the picture. A view without an overlay does no work for it.
@MainActor
final class StatisticsOverlay {
  private let view: GuestView
  private var timer: Timer?
  private var scale = 1.0

  /// The size in GTK's units.
  private static let width = 372
  private static let height = 180
  private static let margin = 12
  /// The time from one drawing to the next, in milliseconds.
  private static let period = 250

  /// Shows the overlay until this object is released.
  init(over view: GuestView) {
    self.view = view
    update()
    timer = Timer(milliseconds: Self.period) { [unowned self] in update() }
  }

  isolated deinit { view.overlay = nil }

  private func update() {
    scale = view.scale.factor
    let width = Int(Double(Self.width) * scale)
    let height = Int(Double(Self.height) * scale)
    guard let image = CairoImage(CAIRO_FORMAT_ARGB32, width, height),
      let context = cairo_create(image.surface)
    else { return }
    cairo_scale(context, scale, scale)
    draw(view.reporter.measurement(), context)
    cairo_destroy(context)
    cairo_surface_flush(image.surface)
    guard cairo_surface_status(image.surface) == CAIRO_STATUS_SUCCESS else { return }
    let pixels = [UInt32](unsafeUninitializedCapacity: width * height) { buffer, count in
      for y in 0..<height {
        UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(buffer)[y * width * 4..<(y + 1) * width * 4]
        ).copyMemory(
          from: UnsafeRawBufferPointer(start: image.data + y * image.stride, count: width * 4))
      }
      count = width * height
    }
    let margin = Int(Double(Self.margin) * scale)
    view.overlay = Overlay(
      area: PixelRectangle(x: margin, y: margin, width: width, height: height), pixels: pixels)
  }

  private func draw(_ record: FrameMeasurement, _ context: CairoContext) {
    cairo_set_source_rgba(context, 0, 0, 0, 0.72)
    cairo_paint(context)
    drawGraph(record, context)
    let lines = lines(record)
    write(lines.joined(separator: "\n"), context)
  }

  // MARK: Graph

  private static let graph = (x: 10.0, y: 92.0, width: 352.0, height: 78.0)

  /// The last intervals, a bar each; the line is the display's period, or else the median.
  private func drawGraph(_ record: FrameMeasurement, _ context: CairoContext) {
    let graph = Self.graph
    cairo_set_source_rgba(context, 1, 1, 1, 0.10)
    cairo_rectangle(context, graph.x, graph.y, graph.width, graph.height)
    cairo_fill(context)
    let period = record.report.displayRate.map { 1e9 / $0 } ?? Double(record.report[.interval].p50)
    guard period > 0 else { return }
    let top = period * 3
    let bars = record.presentations.suffix(Int(graph.width / 2))
    for (index, presentation) in bars.enumerated() {
      let height = min(Double(presentation.interval) / top, 1) * graph.height
      if presentation.missed > 0 {
        cairo_set_source_rgb(context, 1, 0.38, 0.32)
      } else {
        cairo_set_source_rgb(context, 0.35, 0.72, 1)
      }
      cairo_rectangle(
        context, graph.x + Double(index * 2), graph.y + graph.height - height, 1.5, height)
      cairo_fill(context)
    }
    cairo_set_source_rgba(context, 1, 1, 1, 0.55)
    cairo_rectangle(context, graph.x, graph.y + graph.height * 2 / 3, graph.width, 1)
    cairo_fill(context)
  }

  // MARK: Numbers

  /// The words of the numbers are those of the statistics' JSON, in every language.
  private func lines(_ record: FrameMeasurement) -> [String] {
    let report = record.report
    guard report[.presented] > 0 else {
      return [translated("measuring begins after a second of frames")]
    }
    let now = rates(record)
    func median(_ step: FrameStep) -> String { Self.milliseconds(report[step].p50) }
    let display = report.displayRate.map { ", display \($0.fixed(1)) Hz" } ?? ""
    return [
      "\(now.frames.fixed(1)) FPS, \(now.updates.fixed(1)) UPS\(display), by \(report.feedback.rawValue)",
      "ms      \(Self.column("p50"))\(Self.column("p95"))\(Self.column("p99"))\(Self.column("max"))",
      row("latency ", report[.detectToPresent]),
      row("interval", report[.interval]),
      "query \(median(.query)), draw \(median(.draw)), jitter \(median(.jitter)) (p50)",
      report.troubles,
    ]
  }

  private func row(_ name: String, _ values: Distribution) -> String {
    name
      + [values.p50, values.p95, values.p99, values.max]
      .map { Self.column(Self.milliseconds($0)) }.joined()
  }

  private static func milliseconds(_ nanoseconds: UInt64) -> String {
    (Double(nanoseconds) / 1e6).fixed(2)
  }

  private static func column(_ text: String) -> String {
    String(repeating: " ", count: max(1, 9 - text.count)) + text
  }

  /// The rate of the last second, or zero when the last presentation is older than two reports.
  private func rates(_ record: FrameMeasurement) -> (frames: Double, updates: Double) {
    guard let last = record.presentations.last?.time else { return (0, 0) }
    let patience = UInt64(Self.period) * 3_000_000
    if record.report.clock == "\(TimestampClock.monotonic)",
      MonotonicInstant.now.elapsed(since: MonotonicInstant(nanoseconds: last)) > patience
    {
      return (0, 0)
    }
    let recent = record.presentations.filter { last &- $0.time <= 1_000_000_000 }
    guard let first = recent.first?.time, last > first else { return (0, 0) }
    let seconds = Double(last - first) / 1e9
    return (
      Double(recent.count - 1) / seconds,
      Double(recent.dropFirst().count { $0.isNew }) / seconds
    )
  }

  private func write(_ text: String, _ context: CairoContext) {
    guard let layout = pango_cairo_create_layout(context) else { return }
    defer { g_object_unref(UnsafeMutableRawPointer(layout)) }
    if let font = pango_font_description_from_string("Monospace 8") {
      pango_layout_set_font_description(layout, font)
      pango_font_description_free(font)
    }
    pango_layout_set_text(layout, text, -1)
    cairo_set_source_rgb(context, 1, 1, 1)
    cairo_move_to(context, 10, 6)
    pango_cairo_show_layout(context, layout)
  }
}
