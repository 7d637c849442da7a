// SPDX-License-Identifier: Apache-2.0

import SafeText

/// A record as a picture for a report: the frames' latencies from detection to presentation, and
/// the time of each presentation.
public struct FramePlot: Sendable {
  /// The heading.
  public let title: String
  /// Further facts about the run, a line each, below the heading.
  public let notes: [String]
  private let record: FrameMeasurement

  private static let width = 860.0
  private static let left = 70.0
  private static let plotWidth = 760.0
  private static let plotHeight = 190.0
  private static let bins = 48
  /// The number of characters that fit into a line of a note.
  private static let noteWidth = 125

  /// Makes a plot from a record.
  public init(_ record: FrameMeasurement, title: String, notes: [String]) {
    self.record = record
    self.title = title
    self.notes = notes.flatMap { $0.wrapped(to: Self.noteWidth) }
  }

  /// The picture as an SVG document, for light and dark backgrounds.
  public var svg: String {
    let top = 44.0 + Double(notes.count) * 17 + 34
    let second = top + Self.plotHeight + 90
    var drawing = SVGDrawing(
      width: Int(Self.width), height: Int(second + Self.plotHeight + 74))
    drawing.rectangle(
      "background", x: 0, y: 0, width: Self.width, height: second + Self.plotHeight + 74)
    drawing.text("title", 20, 34, title)
    for (index, note) in notes.enumerated() {
      drawing.text("note", 20, 56 + Double(index) * 17, note)
    }
    drawLatencies(&drawing, top)
    drawTimeLine(&drawing, second)
    return drawing.document(title: title, style: Self.style)
  }

  // MARK: Histogram

  private func drawLatencies(_ drawing: inout SVGDrawing, _ top: Double) {
    let values = record.report[.detectToPresent]
    let most = max(Double(values.p99) * 1.25, Double(values.p50) * 2) / 1e6
    let axis = PlotAxis(upTo: min(most, Double(values.max) / 1e6), ticks: 10)
    var counts = [Int](repeating: 0, count: Self.bins)
    var beyond = 0
    for latency in record.latencies {
      let bin = Double(latency.nanoseconds) / 1e6 / axis.end * Double(Self.bins)
      if bin < Double(Self.bins) {
        counts[Int(bin)] += latency.count
      } else if latency.nanoseconds <= values.max, bin < Double(Self.bins) * 1.01 {
        counts[Self.bins - 1] += latency.count
      } else {
        beyond += latency.count
      }
    }
    let heights = PlotAxis(upTo: Double(counts.max() ?? 0), ticks: 4)
    let panel = Panel(top: top, x: axis, y: heights)
    panel.frame(
      &drawing, heading: "Detected -> presented: \(values.count) new frames",
      xTitle: "ms from detection to presentation", yTitle: "frames")
    guard values.count > 0 else {
      panel.say(&drawing, "nothing was measured")
      return
    }
    let step = axis.end / Double(Self.bins)
    for (index, count) in counts.enumerated() where count > 0 {
      let x = panel.x(Double(index) * step)
      let y = panel.y(Double(count))
      drawing.rectangle(
        "bar", x: x + 0.5, y: y, width: panel.x(Double(index + 1) * step) - x - 1,
        height: panel.bottom - y)
    }
    drawPercentiles(&drawing, panel, values)
    if beyond > 0 {
      drawing.text(
        "mark-text", Self.left + Self.plotWidth - 4, top + Self.plotHeight - 6,
        "\(beyond) longer, up to \((Double(values.max) / 1e6).fixed(2)) ms", .end)
    }
  }

  private func drawPercentiles(
    _ drawing: inout SVGDrawing, _ panel: Panel, _ values: Distribution
  ) {
    let marks = [("p50", values.p50), ("p95", values.p95), ("p99", values.p99)]
    for (index, mark) in marks.enumerated() {
      let milliseconds = Double(mark.1) / 1e6
      let x = panel.x(milliseconds)
      let label = "\(mark.0) \(milliseconds.fixed(2)) ms"
      let isRight = x > Self.left + Self.plotWidth - 110
      drawing.line("mark", x, panel.top, x, panel.bottom)
      drawing.text(
        "mark-text", isRight ? x - 4 : x + 4, panel.top + 13 + Double(index) * 14, label,
        isRight ? .end : .start)
    }
  }

  // MARK: Time line

  private func drawTimeLine(_ drawing: inout SVGDrawing, _ top: Double) {
    let values = record.report[.interval]
    let begin = record.presentations.first?.time ?? 0
    let end = record.presentations.last?.time ?? 0
    let seconds = end > begin ? Double(end - begin) / 1e9 : 0
    let most = max(Double(values.p99) * 1.25, Double(values.p50) * 2) / 1e6
    let axis = PlotAxis(upTo: seconds, ticks: 10)
    let panel = Panel(top: top, x: axis, y: PlotAxis(upTo: most, ticks: 5))
    panel.frame(
      &drawing, heading: heading, xTitle: "s since the first presentation shown",
      yTitle: "ms since the one before")
    guard values.count > 0 else {
      panel.say(&drawing, "nothing was measured")
      return
    }
    // One line for each column of the picture, however many presentations the record has.
    let columns = Int(Self.plotWidth)
    var ranges = [(low: Double, high: Double)?](repeating: nil, count: columns)
    var missed: [Double] = []
    for presentation in record.presentations {
      let x = panel.x(Double(presentation.time &- begin) / 1e9)
      let column = min(max(0, Int(x - Self.left)), columns - 1)
      if presentation.missed > 0, missed.last != Double(column) { missed.append(Double(column)) }
      guard presentation.interval > 0 else { continue }
      let value = Double(presentation.interval) / 1e6
      let range = ranges[column] ?? (value, value)
      ranges[column] = (min(range.low, value), max(range.high, value))
    }
    var inside: [(x: Double, from: Double, to: Double)] = []
    var above: [(x: Double, from: Double, to: Double)] = []
    for (column, range) in ranges.enumerated() {
      guard let range else { continue }
      let x = Self.left + Double(column) + 0.5
      let low = panel.y(range.low)
      // Even a single value must be visible.
      inside.append((x, low + 0.1, min(low - 0.1, panel.y(range.high))))
      if range.high > panel.yAxis.end { above.append((x, panel.top, panel.top + 9)) }
    }
    drawing.text(
      "note", Self.left + Self.plotWidth, panel.top - 12,
      "red ticks: at the top intervals beyond it, below missed refreshes", .end)
    drawing.lines("interval", inside)
    drawing.lines("above", above)
    drawing.lines(
      "missed", missed.map { (Self.left + $0 + 0.5, panel.bottom + 2, panel.bottom + 7) })
  }

  private var heading: String {
    let count = record.presentations.count
    let part = count < record.report[.presented] ? "the last \(count) of " : ""
    return "Intervals between presentations: \(part)\(record.report[.presented])"
  }

  // MARK: Looks

  /// A picture's background is light unless its viewer says otherwise.
  private static let style = """
    text { font-family: "DejaVu Sans", Verdana, sans-serif; fill: #1f2328; }
    .background { fill: #ffffff; }
    .title { font-size: 19px; font-weight: bold; }
    .heading { font-size: 13px; font-weight: bold; }
    .note, .axis-text, .mark-text { font-size: 11.5px; }
    .grid { stroke: #d8dee4; stroke-width: 1; }
    .axis { stroke: #57606a; stroke-width: 1; }
    .bar { fill: #54aeff; }
    .mark { stroke: #1f2328; stroke-width: 1; stroke-dasharray: 3 2; }
    .interval { stroke: #0969da; stroke-width: 2; stroke-linecap: round; }
    .above, .missed { stroke: #cf222e; stroke-width: 2; }
    @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .background { fill: #0d1117; }
    .grid { stroke: #30363d; }
    .axis { stroke: #9198a1; }
    .bar { fill: #316dca; }
    .mark { stroke: #e6edf3; }
    .interval { stroke: #58a6ff; }
    .above, .missed { stroke: #ff7b72; }
    }
    """

  /// One of the two plots.
  private struct Panel {
    let top: Double
    let x: PlotAxis
    let yAxis: PlotAxis

    init(top: Double, x: PlotAxis, y: PlotAxis) {
      self.top = top
      self.x = x
      yAxis = y
    }

    var bottom: Double { top + FramePlot.plotHeight }

    func x(_ value: Double) -> Double {
      FramePlot.left + min(max(0, value / x.end), 1) * FramePlot.plotWidth
    }

    func y(_ value: Double) -> Double {
      bottom - min(max(0, value / yAxis.end), 1) * FramePlot.plotHeight
    }

    func frame(_ drawing: inout SVGDrawing, heading: String, xTitle: String, yTitle: String) {
      let right = FramePlot.left + FramePlot.plotWidth
      drawing.text("heading", FramePlot.left, top - 12, heading)
      for tick in yAxis.ticks {
        drawing.line("grid", FramePlot.left, y(tick.value), right, y(tick.value))
        drawing.text("axis-text", FramePlot.left - 7, y(tick.value) + 4, tick.label, .end)
      }
      for tick in x.ticks {
        drawing.line("axis", x(tick.value), bottom, x(tick.value), bottom + 4)
        drawing.text("axis-text", x(tick.value), bottom + 20, tick.label, .middle)
      }
      drawing.line("axis", FramePlot.left, bottom, right, bottom)
      drawing.line("axis", FramePlot.left, top, FramePlot.left, bottom)
      drawing.text("axis-text", (FramePlot.left + right) / 2, bottom + 40, xTitle, .middle)
      drawing.text("axis-text", 20, (top + bottom) / 2, yTitle, .middle, turned: true)
    }

    func say(_ drawing: inout SVGDrawing, _ text: String) {
      drawing.text(
        "note", FramePlot.left + FramePlot.plotWidth / 2, (top + bottom) / 2, text, .middle)
    }
  }
}

/// The scale of a plot's axis: from zero to a round number, with ticks at round numbers.
struct PlotAxis {
  /// The value at the axis's end.
  let end: Double
  /// The distance from one tick to the next.
  let step: Double
  private let decimals: Int

  /// Makes an axis that reaches `value`, with about `ticks` ticks.
  init(upTo value: Double, ticks: Int) {
    let value = value.isFinite && value > 0 ? value : 1
    let rough = value / Double(max(1, ticks))
    var magnitude = 1.0
    var decimals = 0
    while magnitude > rough {
      magnitude /= 10
      decimals += 1
    }
    while magnitude * 10 <= rough {
      magnitude *= 10
      decimals = max(0, decimals - 1)
    }
    let factors = [1.0, 2, 5, 10]
    let step = magnitude * (factors.first { $0 * magnitude >= rough } ?? 10)
    self.step = step
    self.decimals = step >= 10 * magnitude ? max(0, decimals - 1) : decimals
    end = step * (value / step).rounded(.up)
  }

  var ticks: [(value: Double, label: String)] {
    let count = Int((end / step).rounded())
    return (0...max(1, count)).map { index in
      let value = Double(index) * step
      return (value, value.fixed(decimals))
    }
  }
}
