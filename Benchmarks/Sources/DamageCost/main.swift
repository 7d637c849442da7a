// SPDX-License-Identifier: Apache-2.0

// What a viewer's process takes of the CPU for each frame of a guest that tells that a square of 64 by
// 64 pixels has changed. The guest is in the process, and draws no more than that square.
//
//   DamageCost WIDTH HEIGHT FRAMES [upload]
//
// Prints the path, the number of frames and the nanoseconds of a frame.

import Glibc
import TestPatterns
import VGPUDisplay
import ViewerGTK

/// Counts the frames of a guest and the CPU time from the first counted one on.
final class CountedSource: FrameSource {
  private let guest: DisplaySource<SyntheticGuest>
  private let frames: Int
  private var first: (flips: Int, time: Double)?
  private var last: (flips: Int, time: Double)?

  /// The frames at first that are not counted: those of the window's start.
  static let skipped = 60

  init(_ pattern: TestPattern, frames: Int) throws {
    self.frames = frames
    guest = DisplaySource(
      try SyntheticGuest(
        pattern: pattern, framesPerSecond: 30, hasCursor: false, tells: true))
  }

  var name: String { guest.name }
  var counters: SourceCounters { guest.counters }
  var eventDescriptor: Int32? { guest.eventDescriptor }
  func takeDamage() -> Damage? { guest.takeDamage() }

  func poll() -> DisplayState {
    let flips = guest.counters.flips
    if first == nil, flips >= Self.skipped {
      first = (flips, processTime())
    } else if flips < Self.skipped + frames {
      last = (flips, processTime())
    }
    return guest.poll()
  }

  deinit {
    guard let first, let last, last.flips > first.flips else { return }
    let count = last.flips - first.flips
    print("frames=\(count)")
    print("nanoseconds=\(Int((last.time - first.time) / Double(count) * 1e9))")
  }
}

func processTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

let arguments = CommandLine.arguments
guard arguments.count >= 4, let width = Int(arguments[1]), let height = Int(arguments[2]),
  let frames = Int(arguments[3])
else {
  print("usage: DamageCost WIDTH HEIGHT FRAMES [upload]")
  exit(2)
}
// On the whole screen, because GTK paints a title bar anew every second, and for that makes a picture of
// the whole window.
let options = ViewerOptions(
  scaling: .oneToOne, isFullscreen: true, frames: CountedSource.skipped + frames + 10,
  time: .seconds(120),
  alwaysUploads: arguments.contains("upload"))
do {
  let pattern = TestPattern(width: width, height: height, live: .spot)
  let statistics = try Viewer.run(
    source: CountedSource(pattern, frames: frames), options: options)
  print("presented=\(statistics.framesPresented)")
  print("path=\(statistics.path?.rawValue ?? "none")")
  print("renderer=\(statistics.renderer ?? "none")")
} catch {
  print("error=\(error)")
  exit(1)
}
