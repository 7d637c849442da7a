// SPDX-License-Identifier: Apache-2.0

import DMABuf

/// Which buffers a compositor shows itself: formats and, of each, the memory layouts that it names
/// (`zwp_linux_dmabuf_v1.modifier`).
struct CompositorFormats: Sendable {
  private var modifiers: [FourCC: Set<FormatModifier>] = [:]

  var isEmpty: Bool { modifiers.isEmpty }

  /// The compositor has named a pair. That it would guess the layout of buffers that name none is
  /// left out: drivers guess wrongly.
  mutating func add(_ format: FourCC, _ modifier: FormatModifier) {
    guard modifier != .invalid else { return }
    modifiers[format, default: []].insert(modifier)
  }

  /// What a picture is called to a compositor that takes it; `nil` where it does not. A screen is
  /// opaque, whatever alpha is in its pixels.
  func format(for layout: ImageLayout) -> FourCC? {
    guard layout.format.model == .rgb, layout.planes.count == 1 else { return nil }
    let format: FourCC
    switch layout.format.fourCC {
    case .argb8888: format = .xrgb8888
    case .abgr8888: format = .xbgr8888
    default: format = layout.format.fourCC
    }
    return modifiers[format]?.contains(layout.modifier) == true ? format : nil
  }
}
