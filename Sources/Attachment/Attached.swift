// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol
import HostDevices
import LinuxSystem
import VFIO
import VGPUDisplay

/// The screen that a source looks at: its frames, its monitor, and the process that has the device.
///
/// Each provider of frames is a function below that makes one `Attached`. Nothing else knows the
/// provider.
struct Attached {
  let source: any FrameSource
  /// What exchanges the guest's monitor; `nil` when nothing can, and when the caller did not ask
  /// for it.
  let monitor: (any MonitorExchange)?
  /// The guest's name; `nil` when the source tells the name.
  let title: String?
  /// Which vGPU it is, when the kernel tells.
  let vGPU: VGPUDevice?
  /// Whether the device is kept busy.
  let holdsDevice: Bool
  private let holding: Holding?
  /// The vGPU whose removal is watched for; `nil` when it did not exist at the time of attaching.
  private let removable: AssignedDevice?

  /// The process that has the device; `nil` when no process is watched for its end.
  var process: RunningProcess? { holding?.process }

  /// Whether the source learns only in its polls that the picture is gone, and drops buffers then.
  let learnsInPolls: Bool

  /// What stands in for the device, which this user may not have: without a guest it gives way to another
  /// search.
  let substitute: BridgeSource?

  /// Whether something besides the source's own answers can end it. Then `end` must be called.
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

  /// A vGPU that a bridge shows. The source reconnects by itself, so one connection is made here.
  static func bridge(
    _ path: String, _ vGPU: VGPUIdentifier, waiting: Bool
  ) throws(AttachmentError) -> Attached {
    do {
      let source = try BridgeSource(path: path, vGPU: vGPU, waiting: waiting)
      return Attached(source: source, monitor: source, learnsInPolls: true)
    } catch {
      throw .bridge(error)
    }
  }

  /// A vGPU that the machine's bridge shows, because its process may not be looked into.
  static func substitute(
    _ source: BridgeSource, as target: Target, controlsMonitor: Bool
  ) -> Attached {
    Attached(
      source: source, monitor: controlsMonitor ? source : nil,
      title: target.isDomain ? "\(target)" : nil, learnsInPolls: true, substitute: source)
  }

  /// A device that another process has.
  static func found(
    _ found: consuming FoundDisplay, as target: Target, controlsMonitor: Bool,
    on host: HostHardware
  ) throws(AttachmentError) -> Attached {
    let pid = found.holder.process.pid
    do {
      let display = try found.device.displayDevice()
      // A function without a display never gets one.
      if case .pci(let vGPU)? = found.vGPU, try display.transport() == nil {
        throw AttachmentError.function(
          vGPU.address, .noDisplay(driver: vGPU.function.driver))
      }
      let port = controlsMonitor ? try found.device.monitorPort() : nil
      let vGPU = found.vGPU
      return Attached(
        display, port, Holding(.process(found.takeHolder())), vGPU, as: target, on: host)
    } catch let error as AttachmentError {
      throw error
    } catch let error as VFIOError {
      throw .refused(error, pid: pid)
    } catch {
      throw .noScreen("\(target)")
    }
  }

  /// A device that a guest was started with.
  static func kept(
    _ device: consuming OwnedFileDescriptor, of vGPU: VGPUDevice, by process: RunningProcess,
    controlsMonitor: Bool, on host: HostHardware
  ) throws(VFIOError) -> Attached {
    let device = try Device(owning: device, name: vGPU.name.busName)
    let holder = try DeviceHolder(process, sharing: device)
    return Attached(
      try device.displayDevice(), controlsMonitor ? try device.monitorPort() : nil,
      Holding(.process(holder)), vGPU, as: Target(vGPU.name), on: host)
  }

  /// A device whose owner looks after it.
  static func shown(
    _ device: borrowing Device, of vGPU: VGPUDevice, controlsMonitor: Bool, on host: HostHardware
  ) throws(VFIOError) -> Attached {
    Attached(
      try device.displayDevice(), controlsMonitor ? try device.monitorPort() : nil, nil, vGPU,
      as: Target(vGPU.name), on: host)
  }

  /// A device that this process has opened.
  static func owned(
    _ device: consuming OwnedDevice, of vGPU: VGPUDevice, controlsMonitor: Bool,
    on host: HostHardware
  ) throws(VFIOError) -> Attached {
    let display = try device.device.displayDevice()
    let port = controlsMonitor ? try device.device.monitorPort() : nil
    return Attached(
      display, port, Holding(.ourselves(device)), vGPU, as: Target(vGPU.name), on: host)
  }

  /// - Parameter removable: the vGPU whose removal ends it, if any.
  init(
    source: any FrameSource, monitor: (any MonitorExchange)? = nil, title: String? = nil,
    learnsInPolls: Bool = false, substitute: BridgeSource? = nil,
    endsWith removable: AssignedDevice? = nil
  ) {
    self.source = source
    self.learnsInPolls = learnsInPolls
    self.substitute = substitute
    self.monitor = monitor
    self.title = title
    vGPU = nil
    holdsDevice = false
    holding = nil
    self.removable = removable
  }

  private init(
    _ device: consuming DisplayDevice, _ port: consuming MonitorPort?, _ holding: Holding?,
    _ vGPU: VGPUDevice?, as target: Target, on host: HostHardware
  ) {
    source = DisplaySource(device)
    learnsInPolls = false
    substitute = nil
    monitor = if let port = consume port { MonitorSwap(port) } else { nil }
    self.holding = holding
    self.vGPU = vGPU
    // A domain keeps its name when it gets another vGPU.
    title =
      if let vGPU, !target.isDomain { "\(vGPU.label) \(vGPU.name.busName)" } else { "\(target)" }
    holdsDevice = true
    removable = vGPU.map(\.name).flatMap { host.exists($0) ? $0 : nil }
  }

  // MARK: Letting go

  /// Why the source must close a device.
  enum End: Equatable {
    /// The process has ended.
    case process
    /// The process has closed the device and goes on, as after a hot-unplug.
    case device
    /// The vGPU is gone, or somebody removes it now.
    case removal(AssignedDevice)
  }

  /// `nil` while the source can keep the device. Costs three system calls.
  func end(on host: HostHardware) -> End? {
    // When a vGPU is removed, the kernel first takes it off the bus, or from its driver, and then waits
    // until every process has closed it.
    if let removable, !host.exists(removable) { return .removal(removable) }
    return holding?.end
  }

  /// The process that has the device. It is in a class because `DeviceHolder` and `OwnedDevice`
  /// cannot be copied. There is none for a device whose owner looks after it.
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

/// The process that has a device. It is watched for its end and for closing the device, because a
/// duplicate that is kept longer keeps the device busy.
struct DeviceHolder: ~Copyable {
  let process: RunningProcess
  private let proof: Proof

  /// The proof that the process still has the device.
  private enum Proof: ~Copyable {
    /// One of its descriptors is of the same open file as this duplicate.
    case device(Int32, duplicate: OwnedFileDescriptor)
    /// One of its descriptors is of the device's group, which opens once.
    case group(Int32, DeviceNumber)
    /// The descriptors of the process may not be seen: it counts as having the device until it
    /// ends.
    case none
  }

  /// - Parameters:
  ///   - process: who has the device.
  ///   - descriptor: the number of that process's descriptor of the device.
  ///   - device: a duplicate of that descriptor.
  init(
    _ process: RunningProcess, descriptor: Int32, duplicate device: borrowing Device
  ) throws(VFIOError) {
    self.process = process
    proof = .device(descriptor, duplicate: try device.duplicate())
  }

  /// - Parameters:
  ///   - process: the process that has the device, which it opened by its group.
  ///   - groupDescriptor: the number of that process's descriptor of the group.
  ///   - group: the group's number as a character device.
  init(_ process: RunningProcess, groupDescriptor: Int32, of group: DeviceNumber) {
    self.process = process
    proof = .group(groupDescriptor, group)
  }

  /// Looks among the process's descriptors for the one of the same open file as `device`, when the
  /// descriptors may be seen.
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

  /// `nil` while the process has the device. Costs two system calls.
  var end: Attached.End? {
    let holds: Bool? =
      switch proof {
      case .device(let number, let duplicate):
        process.holds(descriptor: number, ofSameFileAs: duplicate)
      case .group(let number, let group): process.holds(descriptor: number, of: group)
      case .none: nil
      }
    // Checked last, because the answer above may be about another process that got the same number.
    if process.hasEnded { return .process }
    return holds == false ? .device : nil
  }
}
