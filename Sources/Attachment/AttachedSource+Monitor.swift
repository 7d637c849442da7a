// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import CLinux
public import LinuxSystem
import Synchronization
import VFIO

/// The monitor that the guest sees.
extension AttachedSource {
  /// Why the guest did not get the monitor that was asked for; `nil` when it did.
  public var monitorProblem: AttachmentError? {
    lock.withLock { _ in
      swapProblem ?? current?.monitor?.problem.map { .vfio($0) }
        ?? bridge?.resizeProblem.map { .bridge($0) }
    }
  }

  /// Whether the guest's monitor can be exchanged, and then for which sizes, in pixels; `nil` while
  /// nothing is attached, without `controlsMonitor`, and where the driver has no EDID region.
  public var monitorLimits: MonitorLimits? {
    lock.withLock { _ in
      if let bridge {
        return bridge.monitorLimits.map { MonitorLimits(width: $0.width, height: $0.height) }
      }
      return current?.monitor.map { monitor in
        MonitorLimits(
          width: monitor.maximumSize.map { Int($0.width) },
          height: monitor.maximumSize.map { Int($0.height) })
      }
    }
  }

  /// Gives the guest another monitor: unplugs the one that it sees and, 0.1 s later, plugs in one with
  /// this EDID, whether anybody polls or not, and at once when the source or the process ends. A guest
  /// that comes back later gets it too. A bridge is told the size alone, and makes an EDID of its own.
  ///
  /// - Parameters:
  ///   - edid: one block of 128 bytes.
  ///   - size: the mode that it prefers, in pixels, to be compared with what the driver can make.
  /// - Throws: `AttachmentError.noMonitor`, `.monitorTooLarge`, `.vfio`.
  public func plugIn(edid: [UInt8], size: (width: Int, height: Int)) throws(AttachmentError) {
    try lock.withLock { _ throws(AttachmentError) in try begin(edid: edid, size: size) }
  }

  private func begin(
    edid: [UInt8], size: (width: Int, height: Int)
  ) throws(AttachmentError) {
    wantedEDID = edid
    swapProblem = nil
    guard let current else { return }
    if let bridge {
      bridge.resize(width: size.width, height: size.height)
      return
    }
    guard let monitor = current.monitor else { throw .noMonitor(title) }
    if let most = monitor.maximumSize, size.width > most.width || size.height > most.height {
      wantedEDID = nil
      throw .monitorTooLarge(
        title, width: size.width, height: size.height, most: "\(most.width)x\(most.height)")
    }
    do {
      try monitor.begin(edid)
    } catch {
      throw .vfio(error)
    }
  }

  /// Has a signal that ends the process plug in what a source has unplugged by then, as exit(3) does in
  /// any case (sigaction(2)): SIGTERM and its like where the program neither handles nor ignores them by
  /// now, and faults. Nothing helps against SIGKILL: whoever controls the monitor next plugs it in.
  ///
  /// - Throws: `SystemCallError`.
  public static func plugInAtSignals() throws(SystemCallError) {
    try SystemCall.make("sigaction", on: "this process") { vgpu_write_at_end_signals() }
  }
}

/// The largest picture that a driver makes, in pixels; `nil` where it does not say.
public struct MonitorLimits: Hashable, Sendable {
  /// From left to right.
  public let width: Int?
  /// From top to bottom.
  public let height: Int?
}
