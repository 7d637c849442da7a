// SPDX-License-Identifier: Apache-2.0

// What the window tests run: a viewer of a synthetic guest, whose statistics it prints, one
// NAME=VALUE per line. Options are NAME=VALUE too; see below.

import EGLPresenter
import Glibc
import ViewerGTK

let options = Dictionary(
  CommandLine.arguments.dropFirst().map { argument in
    let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
    return (parts[0], parts.count > 1 ? parts[1] : "")
  }, uniquingKeysWith: { $1 })

@MainActor func number(_ name: String, _ otherwise: Double) -> Double {
  options[name].flatMap(Double.init) ?? otherwise
}

func openDescriptors() -> Int {
  (0..<4096).count { fcntl(Int32($0), F_GETFD) >= 0 }
}

do {
  let source = try SyntheticSource(
    width: Int(number("width", 640)), height: Int(number("height", 480)),
    buffers: Int(number("buffers", 3)), hasCursor: options["cursor"] != nil,
    offBefore: number("off-before", 0), offAfter: number("off-after", 1e9))
  var viewer = ViewerOptions(
    scaling: options["scaling"].flatMap(ScalingMode.init) ?? .fit,
    frames: options["frames"].flatMap(Int.init), seconds: options["seconds"].flatMap(Double.init),
    alwaysUploads: options["uploads"] != nil)
  viewer.isFullscreen = options["fullscreen"] != nil
  for round in 0..<Int(number("rounds", 1)) {
    let statistics = try Viewer.run(source: source, options: viewer)
    print("round=\(round)")
    print("frames=\(statistics.framesPresented)")
    print("seconds=\(statistics.seconds)")
    print("fps=\(statistics.framesPerSecond)")
    print("path=\(statistics.path?.rawValue ?? "none")")
    print("imports=\(statistics.imports)")
    print("gets=\(statistics.gets)")
    print("copies=\(statistics.copies)")
    print("draws=\(statistics.draws)")
    print("renderer=\(statistics.renderer ?? "none")")
    print("backend=\(statistics.backend?.rawValue ?? "none")")
    print("refusal=\(statistics.importRefusal?.description ?? "none")")
    print("fallback=\(statistics.fallback?.description ?? "none")")
    print("descriptors=\(openDescriptors())")
  }
} catch {
  print("error=\(error)")
  exit(1)
}
