// SPDX-License-Identifier: Apache-2.0

import VGPUDisplay
import ViewerGTK

/// The contents of `vgpu view --stats` and `vgpu bench --json`: one object of what the view and its
/// source have counted. docs/statistics.md describes every key.
struct StatisticsFile: Encodable, Sendable {
  let viewer: ViewerStatistics
  let source: SourceCounters

  init(_ view: ViewerStatistics, source: SourceCounters) {
    viewer = view
    self.source = source
  }

  func encode(to encoder: any Encoder) throws {
    try viewer.encode(to: encoder)
    // The source knows its buffers up to the end, and the view up to its last look.
    try source.encode(to: encoder)
  }
}
