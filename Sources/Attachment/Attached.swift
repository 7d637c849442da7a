// SPDX-License-Identifier: Apache-2.0

import HostDevices
import LinuxSystem
import VFIO
import VGPUDisplay

/// What a source is attached to, and what tells that it must let go.
struct Attached {
  let source: any FrameSource
  var holding: Holding?
  var monitor: MonitorSwap?
  /// The vGPU, where it was there when it was attached to.
  var vGPU: MdevUUID?

  /// Who has the device, in a box, because none of them can be copied. `nil` for a device of somebody's
  /// who looks after it by himself.
  final class Holding {
    enum Kind: ~Copyable {
      case process(DeviceHolder)
      case ourselves(OwnedDevice)
    }
    private let kind: Kind

    init(_ kind: consuming Kind) { self.kind = kind }

    var process: RunningProcess? {
      switch kind {
      case .process(let holder): holder.process
      case .ourselves: nil
      }
    }

    fileprivate var end: End? {
      switch kind {
      case .process(let holder): holder.end
      case .ourselves: nil
      }
    }
  }

  /// Why a device must be let go.
  enum End: Equatable {
    /// The process has ended.
    case process
    /// It has closed the device and goes on, as at a hot-unplug.
    case device
    /// The vGPU is gone, or is to be removed.
    case removal(MdevUUID)
  }

  var process: RunningProcess? { holding?.process }

  /// `nil` while the device can be kept: three system calls.
  func end(on host: HostHardware) -> End? {
    // The kernel takes an mdev that is to be removed off the bus first, and then waits for whoever has
    // it open.
    if let vGPU, !host.exists(vGPU) { return .removal(vGPU) }
    return holding?.end
  }
}
