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
    abstract: "Save what a guest shows as a PNG file, pixel for pixel.",
    discussion: """
      Needs no display server. The mouse pointer is left out where the guest has it on a plane of \
      its own.
      """)

  @OptionGroup var target: TargetArgument

  @Argument(help: "The file; - for standard output.")
  var file: String

  @Option(help: ArgumentHelp("How long to wait for a picture.", valueName: "seconds"))
  var timeout = 3.0

  func validate() throws {
    guard timeout >= 0, timeout <= 86400 else {
      throw ValidationError("--timeout \(timeout): from 0 to 86400 seconds")
    }
  }

  func run() throws {
    let screen = try target.guest().open().screen
    let frame = try firstFrame(screen)
    try OutputFile.write(try PNG.encode(try picture(of: frame, screen)), to: file)
  }

  /// A copy by the CPU where it can read the pixels, which changes none of them; by the vGPU's own
  /// GPU where only that can.
  private func picture(of frame: Frame, _ source: any GuestScreen) throws -> Picture {
    do {
      return try Picture(copying: frame.primary)
    } catch {
      do {
        return try pictureByGPU(of: frame, source.renderNode)
      } catch let gpuError {
        throw Failure("\(source.name): \(error); by the GPU: \(gpuError)")
      }
    }
  }

  private func pictureByGPU(of frame: Frame, _ renderNode: String?) throws -> Picture {
    let renderer = try FrameRenderer(RenderContext(.headless(renderNode: renderNode)))
    // Without the pointer, as the CPU's copy.
    let pixels = try renderer.pixels(
      of: Frame(
        primary: frame.primary, cursor: nil, flip: frame.flip, detectedAt: frame.detectedAt))
    guard let picture = Picture(pixels) else {
      throw Failure("a picture without pixels")
    }
    return picture
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
