// SPDX-License-Identifier: Apache-2.0

import Foundation
import PNGFile
import TestPatterns
import Testing
import VGPUDisplay

/// A headless weston inside the rig, ended with it.
struct Compositor {
  private static let helpers = "\(RigTests.QEMUTests.rig)/inside"

  let environment: [String: String]

  /// Starts one; it says where as `export WAYLAND_DISPLAY=NAME`.
  ///
  /// - Parameter renderer: `gl` takes dma-bufs, `pixman` does not.
  init(width: Int, height: Int, renderer: String = "pixman") throws {
    try self.init(Child("\(Self.helpers)/weston-start", ["\(width)x\(height)", renderer]).end())
  }

  /// Takes over one that was started, in this environment.
  init(
    _ start: (code: Int32, output: Data, errors: String), environment: [String: String] = [:]
  ) throws {
    let text = String(decoding: start.output, as: UTF8.self)
    let name = try #require(
      text.split(separator: "=").last.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) },
      "\(start.errors)")
    self.environment = environment.merging(
      ["WAYLAND_DISPLAY": name, "GDK_BACKEND": "wayland"]
    ) { $1 }
  }

  /// What the output shows.
  func picture() throws -> Picture {
    let file = "/dev/shm/picture-\(UUID().uuidString).png"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let shot = try Child("\(Self.helpers)/shot", [file], environment: environment).end()
    try #require(shot.code == 0, "\(shot.errors)")
    return try PNG.decode([UInt8](try Data(contentsOf: URL(fileURLWithPath: file))))
  }

  /// Looks at the output until a viewer's picture of the pattern is as hoped for (`nil`: there is
  /// none), for as long as the viewer runs, and a minute at most.
  ///
  /// - Returns: what was seen last.
  func find(
    _ pattern: TestPattern, in viewer: Child,
    until isThere: (Found?) -> Bool = { $0?.wrong == 0 }
  ) throws -> Found? {
    let deadline = Date(timeIntervalSinceNow: 60)
    while true {
      let found = try picture().find(pattern)
      if isThere(found) || !viewer.isRunning || Date() > deadline { return found }
      usleep(200_000)
    }
  }
}

/// A guest's picture inside a larger one.
struct Found {
  let frame: UInt32
  let wrong: Int
}

extension Picture {
  /// Looks for a frame of the pattern, pixel for pixel, and counts its wrong pixels.
  func find(_ pattern: TestPattern) -> Found? {
    guard width >= pattern.width, height >= pattern.height else { return nil }
    for top in 0...height - pattern.height {
      for left in 0...width - pattern.width {
        let frame = pattern.frameNumber { color(x: left + $0, y: top + $1) }
        // The first block's edges: the code reads the same a few pixels further.
        guard let frame,
          color(x: left + 40, y: top + 2 * pattern.block)
            == pattern.color(x: 40, y: 2 * pattern.block, frame: frame)
        else { continue }
        var wrong = 0
        for y in 0..<pattern.height {
          for x in 0..<pattern.width
          where color(x: left + x, y: top + y) != pattern.color(x: x, y: y, frame: frame) {
            wrong += 1
          }
        }
        if wrong < pattern.width * pattern.height / 10 { return Found(frame: frame, wrong: wrong) }
      }
    }
    return nil
  }
}
