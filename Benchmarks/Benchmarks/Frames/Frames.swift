// SPDX-License-Identifier: Apache-2.0

import Benchmark
import EGLPresenter
import VFIO
import VGPUDisplay

/// The steps of a frame's way, on the synthetic guest. Run the drawing steps under `Rig/mesa-env`,
/// which has a software renderer that imports.
let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.wallClock, .cpuTotal, .throughput], warmupIterations: 3, scalingFactor: .kilo,
    maxDuration: .seconds(3))

  Benchmark("validate a plane") { benchmark in
    let plane = GraphicsPlane(
      format: 0x3432_5258, modifier: 0, width: 1920, height: 1080, stride: 7680,
      size: 7680 * 1080, handle: 1)
    for _ in benchmark.scaledIterations {
      blackHole(try? PlaneInfo(checking: plane))
    }
  }

  Benchmark("poll: known buffer, with cursor") { benchmark in
    let source = DisplaySource(try SyntheticGuest(framesPerSecond: 0))
    for _ in 0..<8 { _ = source.poll() }
    benchmark.startMeasurement()
    for _ in benchmark.scaledIterations { blackHole(source.poll()) }
  }

  let drawing = Benchmark.Configuration(
    metrics: [.wallClock, .cpuTotal, .throughput], warmupIterations: 3, scalingFactor: .one,
    maxDuration: .seconds(3))

  for alwaysUploads in [false, true] {
    Benchmark(
      "draw 1024x768, \(alwaysUploads ? "copied" : "imported where possible"), with readback",
      configuration: drawing
    ) { benchmark in
      let source = DisplaySource(try SyntheticGuest(hasCursor: false))
      let renderer = try FrameRenderer(
        RenderContext(.headless(renderNode: nil)), alwaysUploads: alwaysUploads)
      guard case .frame(let frame) = source.poll() else { return }
      _ = try renderer.pixels(of: frame)
      benchmark.startMeasurement()
      for _ in benchmark.scaledIterations { blackHole(try renderer.pixels(of: frame)) }
    }
  }

  Benchmark("import 1024x768 and draw its first frame", configuration: drawing) { benchmark in
    let renderer = try FrameRenderer(RenderContext(.headless(renderNode: nil)))
    for _ in benchmark.scaledIterations {
      benchmark.stopMeasurement()
      let source = DisplaySource(try SyntheticGuest(hasCursor: false))
      guard case .frame(let frame) = source.poll() else { return }
      benchmark.startMeasurement()
      blackHole(try renderer.pixels(of: frame))
    }
  }
}
