// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol
import HostDevices
import LinuxSystem
import VFIO
import VGPUDisplay

/// A guest's screen that is looked at: its frames, its monitor, and who has the device.
///
/// Each provider of frames is a function below that makes one; nothing else knows which it is.
struct Attached {
  let source: any FrameSource
  /// What exchanges the guest's monitor; `nil` where nothing can, and where that was not asked for.
  let monitor: (any MonitorExchange)?
  /// What the guest is called; `nil` where the source tells.
  let title: String?
  /// Which vGPU it is, where the kernel tells.
  let vGPU: MdevDevice?
  /// Whether the device is kept busy.
  let holdsDevice: Bool
  private let holding: Holding?
  /// The vGPU whose removal is watched for: it was there when it was attached to.
  private let removable: MdevUUID?

  /// The process that has the device, where one is watched for its end.
  var process: RunningProcess? { holding?.process }

  /// Whether something besides the source's own answers ends it, so that `end` has to be asked for.
  var isWatched: Bool { holding != nil || removable != nil }

  // MARK: Providers

  /// The synthetic guest.
  static func demo() throws(AttachmentError) -> Attached {
    do {
      return Attached(source: DisplaySource(try SyntheticGuest()), title: "\(Target.demo)")
    } catch {
      throw .demo(error)
    }
  }

  /// A vGPU that a bridge shows. It comes back by itself, so that it is connected to once.
  static func bridge(
    _ path: String, _ vGPU: VGPUIdentifier, waiting: Bool
  ) throws(AttachmentError) -> Attached {
    do {
      let source = try BridgeSource(path: path, vGPU: vGPU, waiting: waiting)
      return Attached(source: source, monitor: source)
    } catch {
      throw .bridge(error)
    }
  }

  /// A device that another process has.
  static func found(
    _ found: consuming FoundDisplay, as target: Target, controlsMonitor: Bool,
    on host: HostHardware
  ) throws(AttachmentError) -> Attached {
    let pid = found.holder.process.pid
    do {
      let display = try found.device.displayDevice()
      let port = controlsMonitor ? try found.device.monitorPort() : nil
      let vGPU = found.vGPU
      return Attached(
        display, port, Holding(.process(found.takeHolder())), vGPU, as: target, on: host)
    } catch {
      throw .refused(error, pid: pid)
    }
  }

  /// A device that a guest was started with.
  static func kept(
    _ device: consuming OwnedFileDescriptor, of vGPU: MdevDevice, by process: RunningProcess,
    controlsMonitor: Bool, on host: HostHardware
  ) throws(VFIOError) -> Attached {
    let device = try Device(owning: device, name: "\(vGPU.uuid)")
    let holder = try DeviceHolder(process, sharing: device)
    return Attached(
      try device.displayDevice(), controlsMonitor ? try device.monitorPort() : nil,
      Holding(.process(holder)), vGPU, as: .mdev(vGPU.uuid), on: host)
  }

  /// A device of somebody's who looks after it by himself.
  static func shown(
    _ device: borrowing Device, of vGPU: MdevDevice, controlsMonitor: Bool, on host: HostHardware
  ) throws(VFIOError) -> Attached {
    Attached(
      try device.displayDevice(), controlsMonitor ? try device.monitorPort() : nil, nil, vGPU,
      as: .mdev(vGPU.uuid), on: host)
  }

  /// A device that this process has opened.
  static func owned(
    _ device: consuming OwnedDevice, of vGPU: MdevDevice, controlsMonitor: Bool,
    on host: HostHardware
  ) throws(VFIOError) -> Attached {
    let display = try device.device.displayDevice()
    let port = controlsMonitor ? try device.device.monitorPort() : nil
    return Attached(
      display, port, Holding(.ourselves(device)), vGPU, as: .mdev(vGPU.uuid), on: host)
  }

  /// - Parameter removable: the vGPU whose removal ends it, if any.
  init(
    source: any FrameSource, monitor: (any MonitorExchange)? = nil, title: String? = nil,
    endsWith removable: MdevUUID? = nil
  ) {
    self.source = source
    self.monitor = monitor
    self.title = title
    vGPU = nil
    holdsDevice = false
    holding = nil
    self.removable = removable
  }

  private init(
    _ device: consuming DisplayDevice, _ port: consuming MonitorPort?, _ holding: Holding?,
    _ vGPU: MdevDevice?, as target: Target, on host: HostHardware
  ) {
    source = DisplaySource(device)
    monitor = if let port = consume port { MonitorSwap(port) } else { nil }
    self.holding = holding
    self.vGPU = vGPU
    // A domain keeps its name, whichever vGPU it has.
    title =
      if let vGPU, !target.isDomain { "\(vGPU.type) \(vGPU.uuid)" } else { "\(target)" }
    holdsDevice = true
    removable = vGPU.map(\.uuid).flatMap { host.exists($0) ? $0 : nil }
  }

  // MARK: Letting go

  /// Why a device must be let go.
  enum End: Equatable {
    /// The process has ended.
    case process
    /// It has closed the device and goes on, as at a hot-unplug.
    case device
    /// The vGPU is gone, or is to be removed.
    case removal(MdevUUID)
  }

  /// `nil` while the device can be kept: three system calls.
  func end(on host: HostHardware) -> End? {
    // The kernel takes an mdev that is to be removed off the bus first, and then waits for whoever has
    // it open.
    if let removable, !host.exists(removable) { return .removal(removable) }
    return holding?.end
  }

  /// Who has the device, in a box, because none of them can be copied. `nil` for a device of somebody's
  /// who looks after it by himself.
  private final class Holding {
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

    var end: End? {
      switch kind {
      case .process(let holder): holder.end
      case .ourselves: nil
      }
    }
  }
}

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
