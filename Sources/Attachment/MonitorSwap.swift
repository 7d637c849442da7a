// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import VFIO

/// Exchanges the monitor that a guest sees: unplugs it, lets the guest notice, plugs another in.
final class MonitorSwap {
  private let port: MonitorPort
  private var pending: (edid: [UInt8], due: MonotonicInstant)?

  /// How long the monitor stays unplugged: a guest looks at the link some tens of milliseconds after
  /// it changed, and would miss a shorter gap.
  private static let gap: UInt64 = 100_000_000

  init(_ port: consuming MonitorPort) { self.port = port }

  /// The largest picture that the driver can make, in pixels; `nil` when it does not say.
  var maximumSize: (width: UInt32, height: UInt32)? { port.maximumSize }

  /// Unplugs the monitor. `step` plugs the new one in.
  func begin(_ edid: [UInt8]) throws(VFIOError) {
    try port.setLink(up: false)
    pending = (edid, MonotonicInstant(nanoseconds: MonotonicInstant.now.nanoseconds + Self.gap))
  }

  /// Plugs the new monitor in when it is time; called at every look at the guest.
  func step() throws(VFIOError) {
    guard let pending, MonotonicInstant.now >= pending.due else { return }
    self.pending = nil
    try port.setEDID(pending.edid)
    try port.setLink(up: true)
  }
}
