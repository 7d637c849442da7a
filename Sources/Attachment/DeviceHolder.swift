// SPDX-License-Identifier: Apache-2.0

import HostDevices
import LinuxSystem
import VFIO
import VGPUDisplay

/// The process that has a device, watched for its end and for its giving the device back: whoever
/// keeps a duplicate after that keeps the device busy.
struct DeviceHolder: ~Copyable {
  let process: RunningProcess
  private let proof: Proof

  /// By what it is known that the process still has the device.
  private enum Proof: ~Copyable {
    /// One of its descriptors is of the same open file as this duplicate.
    case device(Int32, duplicate: OwnedFileDescriptor)
    /// One of its descriptors is of the device's group, which opens once.
    case group(Int32, DeviceNumber)
    /// Its descriptors may not be seen: it is believed to have the device until it ends.
    case none
  }

  /// - Parameters:
  ///   - process: who has the device.
  ///   - descriptor: the number of its descriptor.
  ///   - device: a duplicate of that descriptor.
  init(
    _ process: RunningProcess, descriptor: Int32, duplicate device: borrowing Device
  ) throws(VFIOError) {
    self.process = process
    proof = .device(descriptor, duplicate: try device.duplicate())
  }

  /// - Parameters:
  ///   - process: who has the device, opened by its group.
  ///   - groupDescriptor: the number of its descriptor of the group.
  ///   - group: the group's number as a character device.
  init(_ process: RunningProcess, groupDescriptor: Int32, of group: DeviceNumber) {
    self.process = process
    proof = .group(groupDescriptor, group)
  }

  /// The descriptor of a process that is of the same open file as a device of ours, as far as the
  /// process may be looked into.
  init(_ process: RunningProcess, sharing device: borrowing Device) throws(VFIOError) {
    self.process = process
    let duplicate = try device.duplicate()
    let number = (try? ProcessDevices.descriptors(of: process))?.first {
      process.holds(descriptor: $0.number, ofSameFileAs: duplicate) == true
    }?.number
    if let number {
      proof = .device(number, duplicate: duplicate)
    } else {
      proof = .none
    }
  }

  /// `nil` while it has the device: two system calls.
  var end: Attached.End? {
    let holds: Bool? =
      switch proof {
      case .device(let number, let duplicate):
        process.holds(descriptor: number, ofSameFileAs: duplicate)
      case .group(let number, let group): process.holds(descriptor: number, of: group)
      case .none: nil
      }
    // Asked after the other, whose answer may be about the next process with that number.
    if process.hasEnded { return .process }
    return holds == false ? .device : nil
  }
}

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
