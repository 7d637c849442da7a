// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import VFIO

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
