// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Guests
import VGPUDisplay
import ViewerGTK

struct ViewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "view",
    abstract: "Show what a guest draws in a window.",
    discussion: """
      A vGPU that no guest uses yet is waited for, and found again when its guest comes back. \
      Keyboard and mouse reach the guest by its QMP socket, which is read off QEMU's command line, \
      or by libvirt; without one the window only shows, and says why. Closing it ends the viewer, \
      not the guest.

      Ctrl+Alt+G gives keyboard and mouse to the guest and takes them back, Ctrl+Alt+F is fullscreen, \
      Ctrl+Alt+M opens the menu with keys to send, Ctrl+Alt+P saves the picture as a PNG file, \
      Ctrl+Alt+S shows statistics over it. F8 and F11 do the same while the guest gets no keys.
      """)

  @OptionGroup var target: TargetArgument
  @OptionGroup var window: WindowOptions

  @Option(
    help: ArgumentHelp(
      "The socket where QEMU serves QMP, if it cannot be found.", valueName: "path"))
  var qmp: String?

  @Flag(help: "Tell the guest nothing: no keyboard, no mouse, no monitor.")
  var viewOnly = false

  @Flag(help: "Copy every frame instead of importing its buffer: for comparisons.")
  var upload = false

  @Flag(help: "Draw every frame instead of handing its buffer to the compositor.")
  var draw = false

  @Option(help: ArgumentHelp("End after so many presented frames.", valueName: "n"))
  var frames: Int?

  @Option(help: ArgumentHelp("End after so many seconds.", valueName: "s"))
  var seconds: Double?

  @Option(
    help: ArgumentHelp(
      "Write what was shown to this file as JSON (docs/statistics.md); - for standard output.",
      valueName: "file"))
  var stats: String?

  func validate() throws {
    if viewOnly, qmp != nil || window.resolution != nil {
      throw ValidationError("--view-only: with neither --qmp nor --resolution")
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
    var window = window
    if viewOnly { window.follow = false }
    let guest = try target.guest(qmp: qmp).open(
      waiting: true, controlsSize: window.controlsMonitor, isTold: !viewOnly)
    var options = try window.apply(to: guest.size)
    options.frames = frames
    options.time = seconds.map { .seconds($0) }
    options.alwaysUploads = upload
    options.handsOver = !draw
    options.input = guest.control
    let view = try Viewer.run(source: guest.makeFrameSource(), options: options)
    if let problem = guest.size?.monitorProblem { throw problem }
    let screen = guest.screen
    if view.framesPresented == 0, case .noPicture(let reason) = screen.poll() {
      throw Failure("\(screen.name): nothing was shown: \(reason)")
    }
    return StatisticsFile(view, source: screen.counters)
  }
}
