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
/// descriptor that can only look, and lets go as soon as that process ends, for the kernel keeps a
/// device busy as long as anyone holds it.
///
/// A vGPU that has a UUID is waited for and found again when its guest comes back, in another
/// process too; so is a domain of libvirt's, whatever vGPU it has then.
///
/// `poll` is for one thread at a time, as that of every source; everything else may be used from any
/// thread, and waits while a poll goes on.
public final class AttachedSource: FrameSource, @unchecked Sendable {
  // Sendable: what can change is touched only while `lock` is held, or in `init`; the frames that
  // `poll` hands out are those of its caller.
  private let lock = Mutex(())
  private let target: Target
  private let descriptor: Int32?
  private let finder: GuestFinder
  private var current: Current? {
    didSet { if current?.process != oldValue?.process { processCallback?(current?.process) } }
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
  public var process: Int32? { lock.withLock { _ in current?.process } }

  /// Called when another process holds the device than before, and when none does any more: on the
  /// thread that polls, which must not be kept waiting, and not for anything of this source.
  public var onProcess: (@Sendable (Int32?) -> Void)? {
    get { lock.withLock { _ in processCallback } }
    set { lock.withLock { _ in processCallback = newValue } }
  }

  /// The current source, where it is a bridge's.
  private var bridge: BridgeSource? { current?.source as? BridgeSource }
  private var foundNode: String?
  private var title: String
  private var processCallback: (@Sendable (Int32?) -> Void)?

  private struct Current {
    let source: any FrameSource
    let process: Int32?
    let watch: WatchBox?
    let monitor: MonitorSwap?
  }

  private let controlsMonitor: Bool
  private var wantedEDID: [UInt8]?

  /// Why the guest did not get the monitor that was asked for; `nil` when it did.
  public var monitorProblem: AttachmentError? {
    lock.withLock { _ in swapProblem ?? bridge?.resizeProblem.map { .bridge($0) } }
  }

  private var swapProblem: AttachmentError?

  /// Holds the watch, which cannot be copied.
  private final class WatchBox {
    let watch: ProcessWatch
    init(_ watch: consuming ProcessWatch) { self.watch = watch }
  }

  /// How often it is checked whether the process has ended, in seconds: often enough that a guest
  /// can be restarted at once.
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
    controlsMonitor: Bool = false, host: HostDevices = HostDevices()
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
      try attach(to: try finder.find(target, descriptor: descriptor))
    } catch {
      let error = HiddenHolder.explain(error, host: host)
      guard waiting else { throw error }
      switch error {
      case .notHeld(let uuid):
        comesBackAs = uuid
        reason = .waiting("Waiting for a guest to use the vGPU \(uuid).")
      case .heldUnseen(let uuid):
        comesBackAs = uuid
        reason = .waiting("\(error)")
      case .libvirt(.notRunning):
        reason = .waiting("Waiting for \(target) to be started.")
      default: throw error
      }
    }
  }

  /// One that shows nothing yet and looks for nothing but its vGPU.
  private init(of vGPU: MdevUUID, controlsMonitor: Bool, host: HostDevices) {
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
    controlsMonitor: Bool = false, host: HostDevices = HostDevices()
  ) throws(AttachmentError) {
    self.init(of: vGPU.uuid, controlsMonitor: controlsMonitor, host: host)
    let watch = try Self.watch(process)
    do {
      try show(
        try Device(owning: device, name: "\(vGPU.uuid)"), process: process, watch: watch,
        vGPU: vGPU)
    } catch {
      throw .vfio(error)
    }
  }

  /// Looks at a device that this process has itself: one that it was given, or has opened. No
  /// process's end is its end: the source keeps it busy as long as it lives.
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
    host: HostDevices = HostDevices()
  ) throws(AttachmentError) {
    self.init(of: vGPU.uuid, controlsMonitor: controlsMonitor, host: host)
    if let name = host.deviceName(ofDescriptor: device.rawValue), MdevUUID(name) != vGPU.uuid {
      throw .otherDevice(vGPU.uuid, isOf: name)
    }
    do {
      try show(device, process: nil, watch: nil, vGPU: vGPU)
    } catch {
      throw .vfio(error)
    }
  }

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
    guard let current else { return .noPicture(reason) }
    if let monitor = current.monitor {
      do {
        try monitor.step()
      } catch {
        swapProblem = .vfio(error)
      }
    }
    return current.source.poll()
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

  /// Gives the guest another monitor: unplugs the one that it sees and, 0.1 s later, at a `poll`,
  /// plugs in one with this EDID. A guest that comes back later gets it too. A bridge is told the size
  /// alone, and makes an EDID of its own.
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

  private func look() {
    if let watch = current?.watch, watch.watch.hasEnded {
      if let current { past = past + current.source.counters }
      current = nil
      if lookup != nil {
        reason = .waiting("The guest has ended. Waiting for \(target) to be started again.")
      } else if let uuid = comesBackAs {
        reason = .waiting("The guest has ended. Waiting for the vGPU \(uuid) to be used again.")
      } else {
        reason = .failed(
          .system(
            SystemCallError(
              call: "pidfd_open", object: "\(target)", errno: .noSuchProcess,
              remedy: "the process has ended")))
      }
    }
    guard current == nil else { return }
    if let lookup {
      lookAgain(lookup)
    } else if let uuid = comesBackAs {
      lookAgain(uuid)
    }
  }

  private func lookAgain(_ uuid: MdevUUID) {
    do {
      try attach(to: try finder.find(.mdev(uuid), descriptor: nil))
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
      current = Current(source: source, process: nil, watch: nil, monitor: nil)
    } catch {
      throw .bridge(error)
    }
  }

  private func attach(to found: FoundDisplay?) throws(AttachmentError) {
    guard let found else {
      do {
        current = Current(
          source: DisplaySource(try SyntheticGuest()), process: nil, watch: nil, monitor: nil)
      } catch {
        throw .demo(error)
      }
      return
    }
    // Before the descriptor is taken: a process that ends in between is noticed.
    let watch = try Self.watch(found.pid)
    do {
      let device = try Device(
        duplicating: found.descriptor, fromProcess: found.pid, name: "pid:\(found.pid)")
      try show(device, process: found.pid, watch: watch, vGPU: found.vGPU)
    } catch {
      throw error.errno == .notPermitted ? .noRights(pid: found.pid) : .vfio(error)
    }
  }

  private static func watch(_ pid: Int32) throws(AttachmentError) -> WatchBox {
    do {
      return WatchBox(try ProcessWatch(pid))
    } catch {
      throw error.errno == .noSuchProcess ? .noSuchProcess(pid) : .vfio(.system(error))
    }
  }

  /// Takes what can be looked at of a device, and no more.
  private func show(
    _ device: borrowing Device, process: Int32?, watch: WatchBox?, vGPU: MdevDevice?
  ) throws(VFIOError) {
    let source = DisplaySource(try device.displayDevice())
    var monitor: MonitorSwap?
    if controlsMonitor, let port = try device.monitorPort() { monitor = MonitorSwap(port) }
    let vGPUTitle = vGPU.map { "\($0.type) \($0.uuid)" }
    title = lookup == nil ? vGPUTitle ?? "\(target)" : "\(target)"
    foundNode = vGPU?.renderNode
    comesBackAs = vGPU?.uuid ?? comesBackAs
    current = Current(source: source, process: process, watch: watch, monitor: monitor)
    if let monitor, let wantedEDID {
      do {
        try monitor.begin(wantedEDID)
      } catch {
        swapProblem = .vfio(error)
      }
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
