// SPDX-License-Identifier: Apache-2.0

// Runs a frame's way without a display, over and over, for an instruction counter: looks at a guest that
// needs no drawing, decides, and records as a viewer does.
//
//   frame-path flip|idle|record COUNT
//
//   flip    every look finds another of three buffers, and a cursor that has moved
//   idle    every look finds the same as the look before
//   record  the recorder alone, with all of its calls
//
// Times are invented, so that two runs do the same.

import FrameStatistics
import Glibc
import LinuxSystem
import VGPUDisplay

func fail(_ text: String, _ code: Int32) -> Never {
  let bytes = Array("frame-path: \(text)\n".utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
  exit(code)
}

let arguments = CommandLine.arguments
guard arguments.count == 3, let step = Step(rawValue: arguments[1]), let count = Int(arguments[2]),
  count > 0
else { fail("usage: \(Step.allCases.map(\.rawValue).joined(separator: "|")) COUNT", 64) }

do {
  var path = try FramePath(step)
  for _ in 0..<count { path.frame() }
  print("\(step.rawValue): \(path.frames) frames, \(path.recorded()) recorded")
} catch {
  fail("\(error)", 1)
}
