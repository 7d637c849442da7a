// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import LinuxSystem
import PNGFile
import VGPUDisplay

struct ScreenshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "screenshot",
    abstract: "Save what a guest shows as a PNG file, pixel for pixel.",
    discussion: """
      Needs no display server. The mouse pointer is left out where the guest has it on a plane of \
      its own.
      """)

  @OptionGroup var target: TargetArgument

  @OptionGroup var output: OutputFile

  @Option(help: ArgumentHelp("How long to wait for a picture.", valueName: "seconds"))
  var timeout = 3.0

  func validate() throws {
    guard timeout >= 0, timeout <= 86400 else {
      throw ValidationError("--timeout \(timeout): from 0 to 86400 seconds")
    }
  }

  func run() throws {
    let source = try AttachedSource(target.target, descriptor: target.device)
    let plane = try firstFrame(source).primary
    let bytes = try PNG.encode(try Picture(copying: plane))
    try output.write(bytes)
  }

  private func firstFrame(_ source: AttachedSource) throws -> Frame {
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
