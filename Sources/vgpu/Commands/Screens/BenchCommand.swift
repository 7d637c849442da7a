// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import EGLPresenter
import ErrorKinds
import FrameStatistics
import Glibc
import Guests
import LinuxSystem
import VGPUDisplay
import ViewerGTK

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure the frame rate and the latency of a guest's screen.",
    discussion: """
      bench shows the guest in a window, skips the first second, and measures. The result has the frame \
      rates, and the duration of each step from the guest to the monitor: as a table, as JSON \
      (docs/json.md), or as a picture for a report.

        vgpu bench demo --seconds 5 --svg demo.svg
      """)

  @OptionGroup var target: TargetArgument

  @Option(help: ArgumentHelp("Measure this long.", valueName: "seconds"))
  var seconds = 10.0

  @OptionGroup var json: JSONOption

  @Option(
    help: ArgumentHelp(
      "Draw the latencies and the timeline into this SVG file; - means standard output.",
      valueName: "file"),
    completion: .file())
  var svg: String?

  @Flag(help: "Measure in fullscreen.")
  var fullscreen = false

  @Flag(help: "Copy each frame instead of importing its buffer (for comparisons).")
  var upload = false

  @Flag(help: "Draw each frame instead of handing its buffer to the compositor.")
  var draw = false

  @Flag(help: "Hide progress.")
  var quiet = false

  func validate() throws {
    try target.refuseSeveralHeads()
    guard seconds > 0, seconds <= 86400 else {
      throw ValidationError("--seconds \(seconds): give more than 0, at most 86400")
    }
    if json.json, svg == "-" {
      throw ValidationError("--svg -: --json writes to standard output already; name a file")
    }
  }

  func run() throws {
    // Commands run on the main thread, which ArgumentParser's signature does not say.
    let run = try MainActor.assumeIsolated { try measure() }
    if let svg { try OutputFile.write(Array(run.plot.svg.utf8), to: svg) }
    if json.json {
      try print(JSONOutput.text(run))
    } else if svg != "-" {
      try print(run.text)
    }
  }

  /// Seconds that the recorder leaves out.
  private static let warmUp = 1.0
  /// Seconds that a window, a GL driver and a guest may take until a frame is there.
  private static let patience = 20.0
  /// Presentations that a time line needs a second: displays are no faster.
  private static let mostPerSecond = 500.0
  private static let mostPresentations = 1 << 17

  @MainActor
  private func measure() throws -> BenchRun {
    let guest = try target.guest().open()
    // Another screen's figures would be taken for the vGPU's.
    if let obstacle = guest.vGPUObstacle { throw obstacle }
    let screen = guest.screen
    var options = ViewerOptions(isFullscreen: fullscreen, alwaysUploads: upload)
    options.handsOver = !draw
    options.timeOfFrames = .seconds(seconds + Self.warmUp)
    // For a guest that shows nothing.
    options.time = .seconds(seconds + Self.warmUp + Self.patience)
    options.presentations = Int(
      min((seconds + Self.warmUp) * Self.mostPerSecond, Double(Self.mostPresentations)))
    let progress = quiet ? nil : BenchProgress(seconds: seconds + Self.warmUp)
    if let progress { options.onProgress = { progress.show() } }
    let view = try Viewer.run(source: guest.makeFrameSource(), options: options)
    progress?.clear()
    var size: PixelSize?
    let state = screen.poll()
    if case .frame(let frame) = state { size = frame.primary.size }
    guard let frames = view.frames, frames.report[.presented] > 1 else {
      if view.framesPresented == 0, case .noPicture(let reason) = state {
        throw Failure("\(screen.name): nothing was shown: \(reason)", reason.errorClass)
      }
      throw Failure(
        """
        \(screen.name): fewer than two frames were shown after the first second; show the window, let \
        the guest draw, or measure longer (--seconds)
        """, .noPicture)
    }
    return BenchRun(
      target: "\(target.target)", name: screen.name, guest: size, view: view, frames: frames,
      source: screen.counters)
  }
}

/// How far a measurement is, on a terminal's last line.
@MainActor
final class BenchProgress {
  private let begin = MonotonicInstant.now
  private let seconds: Double
  private var shown = ""

  /// `nil` when standard error is no terminal.
  init?(seconds: Double) {
    guard isatty(STDERR_FILENO) != 0 else { return nil }
    self.seconds = seconds
  }

  /// To be called now and then.
  func show() {
    let passed = min(MonotonicInstant.now.seconds(since: begin), seconds)
    let line = "measuring: \(Int(passed)) of \(Int(seconds.rounded(.up))) s"
    guard line != shown else { return }
    shown = line
    // To the line's beginning, and the rest of it erased.
    StandardError.draw("\r\(line)\u{1B}[K")
  }

  /// At the end.
  func clear() { StandardError.draw("\r\u{1B}[K") }
}
