// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import EGLPresenter
import FoundationEssentials
import FrameStatistics
import Glibc
import SafeText
import VGPUDisplay
import ViewerGTK

/// What `vgpu bench` has measured, and where.
struct BenchRun: Encodable {
  private let target: String
  private let name: String
  @OrNull private var size: Size?
  private let date: String
  private let versions: Versions
  private let statistics: StatisticsFile<ViewerStatistics>
  private let frames: FrameMeasurement

  struct Size: Encodable {
    let width: Int
    let height: Int
  }

  struct Versions: Encodable {
    let vgpu: String
    let kernel: String
  }

  private enum CodingKeys: CodingKey {
    case target, name, size, date, versions, statistics
  }

  init(
    target: String, name: String, guest: PixelSize?, view: ViewerStatistics,
    frames: FrameMeasurement,
    source: SourceCounters
  ) {
    self.target = target
    self.name = name
    _size = OrNull(wrappedValue: guest.map { Size(width: $0.width, height: $0.height) })
    self.frames = frames
    statistics = StatisticsFile(view, source: source)
    date = Date.now.formatted(.iso8601)
    versions = Versions(vgpu: VGPU.configuration.version, kernel: Self.kernel)
  }

  private static var kernel: String {
    var names = utsname()
    uname(&names)
    return withUnsafeBytes(of: names.release) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  private var path: String {
    let view = statistics.viewer
    return [
      "\(view.path?.rawValue ?? "unknown path")", view.renderer,
      view.handoverRefusal.map { "drawn: \($0)" },
      view.importRefusal.map { "not imported: \($0)" },
    ]
    .compactMap { $0 }.joined(separator: ", ")
  }

  private var display: String {
    let rate = frames.report.displayRate.map { "\($0.fixed(2)) Hz" } ?? "rate unknown"
    return "\(statistics.viewer.backend?.rawValue ?? "unknown"), \(rate)"
  }

  private var sizeInWords: String { size.map { "\($0.width)x\($0.height)" } ?? "unknown size" }

  /// For a terminal of 80 columns.
  var text: String {
    let heads = [
      Self.row("target", "\(target == name ? name : "\(target): \(name)"), \(sizeInWords)"),
      Self.row("path", path), Self.row("display", display), "\(FrameTable(frames.report))",
    ]
    return heads.joined(separator: "\n")
  }

  private static func row(_ heading: String, _ text: String) -> String {
    let column = 12
    let heading = heading + String(repeating: " ", count: column - heading.count)
    return heading
      + text.wrapped(to: 80 - column)
      .joined(separator: "\n" + String(repeating: " ", count: column))
  }

  /// For a report.
  var plot: FramePlot {
    let report = frames.report
    return FramePlot(
      frames, title: "vgpu bench \(target)",
      notes: [
        "\(name), \(sizeInWords); \(path)",
        "display: \(display); times of presentation by \(report.feedback.rawValue), \(report.clock)",
        "\(report.seconds.fixed(1)) s: \(report[.presented]) presented, \(report.framesPerSecond.fixed(2)) FPS; \(report[.updates]) new, \(report.updatesPerSecond.fixed(2)) UPS; \(report.troubles)",
        "\(date); vgpu \(versions.vgpu), Linux \(versions.kernel)",
      ])
  }
}

/// The contents of `vgpu view --stats` and `vgpu bench --json`: one object of what the view and its
/// source have counted. docs/statistics.md describes every key.
struct StatisticsFile<View: Encodable & Sendable>: Encodable, Sendable {
  let viewer: View
  let source: SourceCounters

  init(_ view: View, source: SourceCounters) {
    viewer = view
    self.source = source
  }

  func encode(to encoder: any Encoder) throws {
    try viewer.encode(to: encoder)
    // The source knows its buffers up to the end, and the view up to its last look.
    try source.encode(to: encoder)
  }
}
