// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol
public import HostDevices
import Libvirt
public import LinuxSystem
import Synchronization
import SystemPackage
public import VFIO
public import VGPUDisplay

/// The frames of a target: finds the process that holds it, takes a duplicate of the device's
/// descriptor that can only look, and lets go as soon as that process ends or gives the device back,
/// or the vGPU is to be removed, because the kernel keeps a device busy as long as anyone holds it.
///
/// A vGPU that has a UUID is waited for and found again when its guest comes back, in another
/// process too; so is a domain of libvirt's, whatever vGPU it has then.
///
/// `poll` is for one thread at a time, as that of every source; everything else may be used from any
/// thread, and waits while a poll goes on.
public final class AttachedSource: FrameSource, @unchecked Sendable {
  // Sendable: what can change is touched only while `lock` is held, or in `init`; the frames that
  // `poll` hands out are those of its caller.
  let lock = Mutex(())
  private let target: Target
  private let descriptor: Int32?
  private let finder: GuestFinder
  var current: Attached? {
    didSet {
      oldValue?.monitor?.end()
      if current?.process !== oldValue?.process { processCallback?(current?.process) }
    }
  }
  private var lastLook = MonotonicInstant(nanoseconds: 0)
  private var comesBackAs: MdevUUID?
  /// Who asks libvirt, where the target is a domain of its.
  private let lookup: DomainLookup?
  private var reason: NoPicture
  private var past = SourceCounters()

  /// The render node of the GPU that the vGPU is a part of, such as `/dev/dri/renderD128`; `nil`
  /// for a software one.
  public var renderNode: String? { lock.withLock { _ in foundNode } }

  /// What is looked at, for titles and messages.
  public var name: String { lock.withLock { _ in bridge?.name ?? title } }

  /// The process that holds the device, such as the guest's QEMU; `nil` while there is none.
  public var process: RunningProcess? { lock.withLock { _ in current?.process } }

  /// Called when another process holds the device than before, and when none does any more: on the
  /// thread that polls, which must not be kept waiting, and not for anything of this source.
  public var onProcess: (@Sendable (RunningProcess?) -> Void)? {
    get { lock.withLock { _ in processCallback } }
    set { lock.withLock { _ in processCallback = newValue } }
  }

  /// The current source, where it is a bridge's.
  var bridge: BridgeSource? { current?.source as? BridgeSource }
  private var foundNode: String?
  var title: String
  private var processCallback: (@Sendable (RunningProcess?) -> Void)?

  private let controlsMonitor: Bool
  var wantedEDID: [UInt8]?

  var swapProblem: AttachmentError?

  /// How often it is checked whether the device is to be let go, in seconds: often enough that a guest
  /// can be restarted at once. It takes three system calls.
  private static let watchInterval = 0.1
  /// How often a process is looked for while there is none: that reads all of `/proc`.
  private static let searchInterval = 0.5

  /// Attaches to a target.
  ///
  /// - Parameters:
  ///   - target: what to look at.
  ///   - descriptor: the number of the device's descriptor, where the process holds several.
  ///   - waiting: whether a vGPU that nobody holds yet, or a domain that does not run yet, is
  ///     waited for instead of being an error.
  ///   - controlsMonitor: whether `plugIn` will be used; else nothing of the device is ever
  ///     written.
  ///   - host: whose vGPUs and processes, for tests.
  /// - Throws: `AttachmentError` when the target cannot be looked at now.
  ///
  /// Blocks while libvirt is asked, where the target is a domain; `poll` does not.
  public init(
    _ target: Target, descriptor: Int32? = nil, waiting: Bool = false,
    controlsMonitor: Bool = false, host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    self.target = target
    self.controlsMonitor = controlsMonitor
    self.descriptor = descriptor
    finder = GuestFinder(host: host)
    lookup =
      if case .libvirt(let name, let daemon) = target {
        DomainLookup(name: name, of: daemon)
      } else {
        nil
      }
    title = target.description
    reason = .waiting("Looking for \(target).")
    if case .bridge(let path, let vGPU) = target {
      try connect(path, vGPU, waiting: waiting)
      return
    }
    do {
      try attach()
    } catch {
      let explained = HiddenHolder.explain(error, host: host)
      guard waiting else { throw explained }
      switch error {
      case .notHeld(let uuid):
        comesBackAs = uuid
        // Who seems to have it is a hint for the message: anybody can look like that, and must keep
        // nobody from the guest.
        reason =
          if case .notHeld = explained {
            .waiting("Waiting for a guest to use the vGPU \(uuid).")
          } else {
            .waiting("\(explained)")
          }
      case .libvirt(.notRunning):
        reason = .waiting("Waiting for \(target) to be started.")
      default: throw explained
      }
    }
  }

  /// One that shows nothing yet and looks for nothing but its vGPU.
  private init(of vGPU: MdevUUID, controlsMonitor: Bool, host: HostHardware) {
    target = .mdev(vGPU)
    self.controlsMonitor = controlsMonitor
    descriptor = nil
    finder = GuestFinder(host: host)
    lookup = nil
    title = target.description
    reason = .waiting("Looking for \(target).")
  }

  /// Takes over a duplicate of the device that a guest was started with, which needs no right to
  /// look into its process. When that ends, the vGPU is found again as by its UUID.
  ///
  /// - Parameters:
  ///   - device: an open device that the process has bound.
  ///   - vGPU: the device's vGPU.
  ///   - process: the guest's; it is reaped by nobody else meanwhile.
  ///   - controlsMonitor: as above.
  ///   - host: as above.
  /// - Throws: `AttachmentError.noSuchProcess`, `.vfio`.
  public convenience init(
    keeping device: consuming OwnedFileDescriptor, of vGPU: MdevDevice, process: Int32,
    controlsMonitor: Bool = false, host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    self.init(of: vGPU.uuid, controlsMonitor: controlsMonitor, host: host)
    let running: RunningProcess
    do {
      running = try RunningProcess(process)
    } catch {
      throw error.errno == .noSuchProcess ? .noSuchProcess(process) : .vfio(.system(error))
    }
    do {
      let device = try Device(owning: device, name: "\(vGPU.uuid)")
      let holder = try DeviceHolder(running, sharing: device)
      try show(device, Attached.Holding(.process(holder)), vGPU: vGPU)
    } catch {
      throw .vfio(error)
    }
  }

  /// Looks at a device that this process has itself: one that it was given, or has opened. No
  /// process's end is its end: the source keeps it busy as long as it lives, or until the vGPU is to
  /// be removed.
  ///
  /// - Parameters:
  ///   - device: an open device that is bound; the source duplicates what of it can look.
  ///   - vGPU: the device's vGPU.
  ///   - controlsMonitor: as above.
  ///   - host: as above.
  /// - Throws: `AttachmentError.otherDevice` where the kernel tells that it is not that vGPU's,
  ///   `.vfio`.
  public convenience init(
    showing device: borrowing Device, of vGPU: MdevDevice, controlsMonitor: Bool = false,
    host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    self.init(of: vGPU.uuid, controlsMonitor: controlsMonitor, host: host)
    if let name = host.deviceName(ofDescriptor: device.rawValue), MdevUUID(name) != vGPU.uuid {
      throw .otherDevice(vGPU.uuid, isOf: name)
    }
    do {
      try show(device, nil, vGPU: vGPU)
    } catch {
      throw .vfio(error)
    }
  }

  /// Looks at a device that this process has opened, and owns it: all that belongs to it is closed with
  /// the source, or when the vGPU is to be removed.
  ///
  /// - Parameters:
  ///   - device: the device.
  ///   - vGPU: which vGPU it is, by whose name or node it was opened.
  ///   - controlsMonitor: as above.
  ///   - host: as above.
  /// - Throws: `AttachmentError.vfio`.
  public convenience init(
    owning device: consuming OwnedDevice, of vGPU: MdevDevice, controlsMonitor: Bool = false,
    host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    self.init(of: vGPU.uuid, controlsMonitor: controlsMonitor, host: host)
    do {
      let duplicate = try device.device.displayDevice()
      let monitor = controlsMonitor ? try device.device.monitorPort() : nil
      show(duplicate, monitor, Attached.Holding(.ourselves(device)), vGPU: vGPU)
    } catch {
      throw .vfio(error)
    }
  }

  deinit { current?.monitor?.end() }

  /// Whether a device is held now, which keeps it busy.
  public var holdsDevice: Bool { lock.withLock { _ in current != nil && bridge == nil } }

  /// What has been done so far, at all processes together.
  public var counters: SourceCounters {
    lock.withLock { _ in
      guard let now = current?.source.counters else { return past }
      return past + now
    }
  }

  /// Looks at the guest's screen now; see `FrameSource`.
  public func poll() -> DisplayState {
    // A frame cannot leave a lock's scope by its result, being of no other thread's concern.
    var state: DisplayState?
    lock.withLock { _ in state = lookAtGuest() }
    return state ?? .noPicture(.waiting("\(target)"))
  }

  private func lookAtGuest() -> DisplayState {
    let now = MonotonicInstant.now
    let interval = current == nil ? Self.searchInterval : Self.watchInterval
    if now.seconds(since: lastLook) >= interval
      || current == nil && lookup?.isAnswered == true
    {
      lastLook = now
      look()
    }
    return current?.source.poll() ?? .noPicture(reason)
  }

  private func look() {
    if let end = reasonToLetGo() {
      if let current { past = past + current.source.counters }
      current = nil
      reason = end
    }
    guard current == nil else { return }
    if let lookup {
      lookAgain(lookup)
    } else if let uuid = comesBackAs {
      lookAgain(uuid)
    }
  }

  /// Why what is attached must be let go; `nil` when nothing is, or when it need not.
  private func reasonToLetGo() -> NoPicture? {
    guard let current, let end = current.end(on: finder.host) else { return nil }
    let what: String
    switch end {
    case .removal(let vGPU):
      // A device of our own does not come back.
      if current.process == nil { comesBackAs = nil }
      return .waiting("The vGPU \(vGPU) is gone.")
    case .process: what = "The guest has ended."
    case .device: what = "The guest has given the vGPU back."
    }
    if lookup != nil {
      return .waiting("\(what) Waiting for \(target) to be started again.")
    }
    if let uuid = comesBackAs {
      return .waiting("\(what) Waiting for the vGPU \(uuid) to be used again.")
    }
    return .failed(
      .system(
        SystemCallError(
          call: "pidfd_open", object: "\(target)", errno: .noSuchProcess,
          remedy: end == .process ? "the process has ended" : "the process has closed the device")))
  }

  private func lookAgain(_ uuid: MdevUUID) {
    do {
      try attach(to: try finder.find(uuid, descriptor: nil))
    } catch {
      switch error {
      case .notHeld: break
      case .noSuchVGPU: reason = .waiting("The vGPU \(uuid) is gone. Waiting for it to come back.")
      default: reason = .waiting("\(error)")
      }
    }
  }

  private func lookAgain(_ lookup: DomainLookup) {
    guard let answer = lookup.take() else {
      lookup.begin()
      return
    }
    do {
      var domain = try answer.get()
      if let shown = comesBackAs, domain.mdevs.contains(shown) {
        // A descriptor's number may be another now.
        domain.mdevs = [shown]
        try attach(to: try finder.find(domain, descriptor: nil))
      } else {
        try attach(to: try finder.find(domain, descriptor: descriptor))
      }
    } catch {
      switch error {
      case .notHeld: break
      case .libvirt(.notRunning): reason = .waiting("Waiting for \(target) to be started.")
      default: reason = .waiting("\(error)")
      }
    }
  }

  /// A bridge comes back by itself, so it is connected to once.
  private func connect(
    _ path: String, _ vGPU: VGPUIdentifier, waiting: Bool
  ) throws(AttachmentError) {
    do {
      let source = try BridgeSource(path: path, vGPU: vGPU, waiting: waiting)
      current = Attached(source: source)
    } catch {
      throw .bridge(error)
    }
  }

  private func attach() throws(AttachmentError) {
    switch target {
    case .demo:
      do {
        current = Attached(source: DisplaySource(try SyntheticGuest()))
      } catch {
        throw .demo(error)
      }
    case .bridge(let path, let vGPU): try connect(path, vGPU, waiting: false)
    case .process(let pid): try attach(to: try finder.find(pid: pid, descriptor: descriptor))
    case .mdev(let uuid): try attach(to: try finder.find(uuid, descriptor: descriptor))
    case .libvirt(let name, let daemon):
      let domain = try DomainLookup(name: name, of: daemon).ask()
      try attach(to: try finder.find(domain, descriptor: descriptor))
    }
  }

  private func attach(to found: consuming FoundDisplay) throws(AttachmentError) {
    let pid = found.holder.process.pid
    do {
      let device = try found.device.displayDevice()
      let monitor = controlsMonitor ? try found.device.monitorPort() : nil
      let vGPU = found.vGPU
      show(device, monitor, Attached.Holding(.process(found.takeHolder())), vGPU: vGPU)
    } catch {
      throw error.errno == .notPermitted ? .noRights(pid: pid) : .vfio(error)
    }
  }

  /// Takes what can be looked at of a device, and no more.
  private func show(
    _ device: borrowing Device, _ holding: Attached.Holding?, vGPU: MdevDevice?
  ) throws(VFIOError) {
    show(
      try device.displayDevice(), controlsMonitor ? try device.monitorPort() : nil, holding,
      vGPU: vGPU)
  }

  private func show(
    _ device: consuming DisplayDevice, _ port: consuming MonitorPort?, _ holding: Attached.Holding?,
    vGPU: MdevDevice?
  ) {
    let monitor: MonitorSwap? = if let port = consume port { MonitorSwap(port) } else { nil }
    let vGPUTitle = vGPU.map { "\($0.type) \($0.uuid)" }
    title = lookup == nil ? vGPUTitle ?? "\(target)" : "\(target)"
    foundNode = vGPU?.renderNode
    comesBackAs = vGPU?.uuid ?? comesBackAs
    current = Attached(
      source: DisplaySource(device), holding: holding, monitor: monitor,
      vGPU: vGPU.map(\.uuid).flatMap { finder.host.exists($0) ? $0 : nil })
    guard let monitor else { return }
    do throws(VFIOError) {
      if let wantedEDID { try monitor.begin(wantedEDID) } else { try monitor.repair() }
    } catch {
      swapProblem = .vfio(error)
    }
  }
}

extension SourceCounters {
  fileprivate static func + (left: SourceCounters, right: SourceCounters) -> SourceCounters {
    var sum = SourceCounters()
    sum.queries = left.queries + right.queries
    sum.gets = left.gets + right.gets
    sum.transients = left.transients + right.transients
    sum.flips = left.flips + right.flips
    return sum
  }
}
