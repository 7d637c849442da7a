// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import EGLPresenter
import Guests
import LinuxSystem
import PNGFile
import VGPUDisplay

struct ScreenshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "screenshot",
    abstract: "Save a guest's screen as a PNG file, pixel for pixel.",
    discussion: """
      No display server is needed. The picture has no mouse pointer when the guest has the pointer \
      on a plane of its own.
      """)

  @OptionGroup var target: TargetArgument

  @Argument(help: "Write to this file; - for standard output.")
  var file: String

  @Option(help: ArgumentHelp("Wait at most so long for a picture.", valueName: "seconds"))
  var timeout = 3.0

  func validate() throws {
    guard timeout >= 0, timeout <= 86400 else {
      throw ValidationError("--timeout \(timeout): give 0 to 86400 seconds")
    }
  }

  func run() throws {
    let screen = try target.guest().open().screen
    let frame = try firstFrame(screen)
    let picture: Picture
    do {
      picture = try Picture(of: frame, renderNode: screen.renderNode)
    } catch {
      throw Failure("\(screen.name): \(error)")
    }
    try OutputFile.write(try PNG.encode(picture), to: file)
  }

  private func firstFrame(_ source: any GuestScreen) throws -> Frame {
    let start = MonotonicInstant.now
    while true {
      switch source.poll() {
      case .frame(let frame):
        return frame
      case .noPicture(let reason):
        guard reason.isTransient, MonotonicInstant.now.seconds(since: start) < timeout else {
          throw Failure("\(source.name): \(reason)")
        }
      }
      pause(seconds: 0.01)
    }
  }
}
