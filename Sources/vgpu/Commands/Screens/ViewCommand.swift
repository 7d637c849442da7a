// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Guests
import VGPUDisplay
import ViewerGTK

struct ViewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "view",
    abstract: "Show a guest's screen in a window.",
    discussion: """
      The window waits until a guest uses the vGPU, and waits again when the guest has ended. When \
      you close the window, the guest runs on.

      Keyboard and mouse reach the guest through QEMU's QMP socket or through libvirt. vgpu finds \
      the socket on QEMU's command line. Without a socket the window shows the screen only, and \
      says why.

      Keys:
        Ctrl+Alt+G  give keyboard and mouse to the guest, or take them back
        Ctrl+Alt+F  switch to fullscreen and back (also F11)
        Ctrl+Alt+M  open the menu; it can send keys to the guest
        Ctrl+Alt+P  save the picture as a PNG file
        Ctrl+Alt+S  show or hide the statistics (also F8)
      F8 and F11 go to the guest when the guest has the keyboard.
      """)

  @OptionGroup var target: TargetArgument
  @OptionGroup var window: WindowOptions

  @Option(
    help: ArgumentHelp(
      "Use this QMP socket, when vgpu does not find it.", valueName: "path"))
  var qmp: String?

  @Flag(help: "Send the guest no keys, no mouse and no monitor.")
  var viewOnly = false

  @Flag(help: "Copy each frame, do not import its buffer (for comparisons).")
  var upload = false

  @Flag(help: "Draw each frame, do not hand its buffer to the compositor.")
  var draw = false

  @Option(help: ArgumentHelp("End after n presented frames.", valueName: "n"))
  var frames: Int?

  @Option(help: ArgumentHelp("End after s seconds.", valueName: "s"))
  var seconds: Double?

  @Option(
    help: ArgumentHelp(
      "Write statistics to this file as JSON (docs/statistics.md); - for standard output.",
      valueName: "file"))
  var stats: String?

  func validate() throws {
    if viewOnly, qmp != nil || window.resolution != nil {
      throw ValidationError(
        "--view-only: tells the guest nothing; leave out --qmp and --resolution")
    }
    if let frames, frames < 1 { throw ValidationError("--frames \(frames): give 1 or more") }
    if let seconds, !(seconds > 0 && seconds <= 1e6) {
      throw ValidationError("--seconds \(seconds): give more than 0, at most 1000000")
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
