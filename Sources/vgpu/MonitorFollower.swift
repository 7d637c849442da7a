// SPDX-License-Identifier: Apache-2.0

import Attachment
import EGLPresenter
import MonitorEDID
import VGPUDisplay
import ViewerGTK

/// Gives a guest a monitor of its window's size.
@MainActor
struct MonitorFollower {
  let source: AttachedSource

  /// As near to the wish as an EDID and the vGPU's driver can come; where the driver has no EDID
  /// region, nothing.
  func follow(_ wish: MonitorWish) {
    guard let limits = source.monitorLimits else { return }
    let mode = DisplayMode(
      width: min(Self.even(wish.size.width), limits.width ?? .max),
      height: min(Self.even(wish.size.height), limits.height ?? .max),
      refreshRate: wish.refreshRate ?? 60)
    do {
      let (edid, carried) = try Self.edid(mode)
      try source.plugIn(edid: edid.bytes, size: (carried.width, carried.height))
    } catch {
      StandardError.write("vgpu: the guest keeps its resolution: \(error)")
    }
  }

  /// Chroma is subsampled by two in what guests make of their screens, so sizes are even.
  private static func even(_ value: Int) -> Int { value - value % 2 }

  /// The EDID of a mode, or of the nearest that one can carry.
  nonisolated static func edid(_ mode: DisplayMode) throws(EDIDError) -> (EDID, DisplayMode) {
    do {
      return (try EDID(mode: mode), mode)
    } catch {
      guard case .notCarried(_, _, let nearest) = error else { throw error }
      return (try EDID(mode: nearest), nearest)
    }
  }
}
