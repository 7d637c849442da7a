// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import EGLPresenter
import ErrorKinds
import Guests
import LinuxSystem
import PNGFile
import VGPUDisplay

struct ScreenshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "screenshot",
    abstract: "Save a guest's screen as a PNG file, pixel for pixel.",
    discussion: """
      The command needs no display server. If the guest has its mouse pointer on a separate plane, the \
      picture has no pointer.
      """)

  @OptionGroup var target: TargetArgument

  @Argument(help: "Write to this file; - means standard output.", completion: .file())
  var file: String

  @Option(help: ArgumentHelp("Wait at most this long for a picture.", valueName: "seconds"))
  var timeout = 3.0

  func validate() throws {
    try target.refuseSeveralHeads()
    guard timeout >= 0, timeout <= 86400 else {
      throw ValidationError("--timeout \(timeout): give 0 to 86400 seconds")
    }
  }

  func run() throws {
    let guest = try target.guest().open()
    StandardError.warn(guest)
    let screen = guest.screen
    let frame = try firstFrame(screen)
    let picture: Picture
    do {
      picture = try Picture(of: frame, renderNode: screen.renderNode)
    } catch {
      throw Failure("\(screen.name): \(error)", ErrorClass(of: error))
    }
    try OutputFile.write(try PNG.encode(picture), to: file)
  }

  private func firstFrame(_ source: any GuestScreen) throws -> Frame {
    let start = MonotonicInstant.now
    while true {
      switch source.poll() {
      case .frame(let frame):
        return source.settled(frame)
      case .noPicture(let reason):
        guard reason.isTransient, MonotonicInstant.now.seconds(since: start) < timeout else {
          let text = "\(reason)"
          throw Failure(
            text.hasPrefix(source.name) ? text : "\(source.name): \(text)", reason.errorClass)
        }
      }
      SystemThread.sleep(for: .milliseconds(10))
    }
  }
}
