// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import Attachment
import EDID
public import EGLPresenter
import VGPUDisplay
import ViewerGTK

struct ViewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "view",
    abstract: "Show what a guest draws in a window.",
    discussion: """
      A vGPU that no guest uses yet is waited for, and found again when its guest comes back. \
      F11 or Ctrl+Alt+F is fullscreen; closing the window ends the viewer, not the guest.
      """)

  @OptionGroup var target: TargetArgument

  @Flag(help: "Begin on the whole screen.")
  var fullscreen = false

  @Option(
    help: """
      How the picture is sized: fit (as large as the window allows), integer (a whole multiple), \
      1:1, or fill (cut off at the edges).
      """)
  var scale = ScalingMode.fit

  @Option(
    help: ArgumentHelp(
      "Give the guest a monitor that prefers this mode, such as 1920x1080@60.",
      valueName: "mode"))
  var resolution: String?

  @Flag(help: "Copy every frame instead of importing its buffer: for comparisons.")
  var upload = false

  @Option(help: ArgumentHelp("End after so many presented frames.", valueName: "n"))
  var frames: Int?

  @Option(help: ArgumentHelp("End after so many seconds.", valueName: "s"))
  var seconds: Double?

  @Option(
    help: ArgumentHelp(
      "Write what was shown to this file as JSON (docs/statistics.md); - for standard output.",
      valueName: "file"))
  var stats: String?

  private var monitor: (edid: EDID, size: (width: Int, height: Int))?

  mutating func validate() throws {
    if let resolution {
      do {
        let mode = try DisplayMode(parsing: resolution)
        monitor = (try EDID(mode: mode, name: "vgpu"), (mode.width, mode.height))
      } catch {
        throw ValidationError("--resolution \(error)")
      }
    }
    if let frames, frames < 1 { throw ValidationError("--frames \(frames): 1 or more") }
    if let seconds, !(seconds > 0 && seconds <= 1e6) {
      throw ValidationError("--seconds \(seconds): more than 0, at most 1000000")
    }
  }

  func run() throws {
    // Commands run on the main thread, which ArgumentParser's signature does not say.
    let file = try MainActor.assumeIsolated { try show() }
    guard let stats else { return }
    try OutputFile.write(Array((try JSONOutput.text(file) + "\n").utf8), to: stats)
  }

  @MainActor
  private func show() throws -> StatisticsFile {
    let source = try AttachedSource(
      target.target, descriptor: target.device, waiting: true, controlsMonitor: monitor != nil)
    if let monitor { try source.plugIn(edid: monitor.edid.bytes, size: monitor.size) }
    let view = try Viewer.run(
      source: source,
      options: ViewerOptions(
        scaling: scale, isFullscreen: fullscreen, frames: frames, seconds: seconds,
        alwaysUploads: upload))
    if let problem = source.monitorProblem { throw problem }
    if view.framesPresented == 0, case .noPicture(let reason) = source.poll() {
      throw Failure("\(source.name): nothing was shown: \(reason)")
    }
    return StatisticsFile(view, source: source.counters)
  }
}

extension ViewCommand {
  private enum CodingKeys: CodingKey {
    case target, fullscreen, scale, resolution, upload, frames, seconds, stats
  }
}

extension ScalingMode: ExpressibleByArgument {}
