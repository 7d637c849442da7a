// SPDX-License-Identifier: Apache-2.0

public import HostDevices
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
public final class AttachedSource: FrameSource, Sendable {
  private let state: Mutex<State>

  // MARK: Attaching

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
    var following = Following(
      target, descriptor: descriptor, controlsMonitor: controlsMonitor, host: host)
    var attached: Attached?
    var reason: NoPicture?
    do throws(AttachmentError) {
      attached = try following.attach(waiting: waiting)
    } catch {
      reason = try following.reason(toWaitAfter: error, waiting: waiting)
    }
    state = Mutex(State(following, attached, reason))
  }

  /// Takes over a duplicate of the device that a guest was started with, which needs no right to
  /// look into its process. When that ends, the vGPU is found again as by its UUID.
  ///
  /// - Parameters:
  ///   - device: an open device that the process has bound.
  ///   - vGPU: the device's vGPU.
  ///   - process: the guest's.
  ///   - controlsMonitor: as above.
  ///   - host: as above.
  /// - Throws: `AttachmentError.vfio`.
  public convenience init(
    keeping device: consuming OwnedFileDescriptor, of vGPU: MdevDevice, process: RunningProcess,
    controlsMonitor: Bool = false, host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    do {
      self.init(
        try .kept(device, of: vGPU, by: process, controlsMonitor: controlsMonitor, on: host),
        of: vGPU, controlsMonitor: controlsMonitor, host: host)
    } catch {
      throw .vfio(error)
    }
  }

  /// The same of a process by its number, which nobody reaps meanwhile.
  ///
  /// - Throws: `AttachmentError.noSuchProcess`, `.vfio`.
  public convenience init(
    keeping device: consuming OwnedFileDescriptor, of vGPU: MdevDevice, process: Int32,
    controlsMonitor: Bool = false, host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    let running: RunningProcess
    do {
      running = try RunningProcess(process)
    } catch {
      throw error.errno == .noSuchProcess ? .noSuchProcess(process) : .vfio(.system(error))
    }
    try self.init(
      keeping: device, of: vGPU, process: running, controlsMonitor: controlsMonitor, host: host)
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
    if let name = host.deviceName(ofDescriptor: device.rawValue), MdevUUID(name) != vGPU.uuid {
      throw .otherDevice(vGPU.uuid, isOf: name)
    }
    do {
      self.init(
        try .shown(device, of: vGPU, controlsMonitor: controlsMonitor, on: host), of: vGPU,
        controlsMonitor: controlsMonitor, host: host)
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
    do {
      self.init(
        try .owned(device, of: vGPU, controlsMonitor: controlsMonitor, on: host), of: vGPU,
        controlsMonitor: controlsMonitor, host: host)
    } catch {
      throw .vfio(error)
    }
  }

  init(
    _ attached: Attached, of vGPU: MdevDevice, controlsMonitor: Bool, host: HostHardware
  ) {
    let following = Following(
      .mdev(vGPU.uuid), descriptor: nil, controlsMonitor: controlsMonitor, host: host)
    state = Mutex(State(following, attached, nil))
  }

  deinit { state.withLock { $0.letGo() } }

  // MARK: Looking

  /// Looks at the guest's screen now; see `FrameSource`.
  public func poll() -> DisplayState { state.withLock { $0.poll() } }

  /// The descriptor of the screen that is attached, when that screen tells of changes; see
  /// `FrameSource`. `nil` while a guest is looked for, and while somebody who has a device is watched
  /// for the end: `poll` does both, so it has to be called.
  public var eventDescriptor: Int32? { state.withLock { $0.eventDescriptor } }

  /// Where the picture has changed since the last call; see `FrameSource`. `nil` at the first call
  /// after another guest was found, too.
  public func takeDamage() -> Damage? { state.withLock { $0.takeDamage() } }

  /// What has been done so far, at all processes together.
  public var counters: SourceCounters { state.withLock { $0.counters } }

  // MARK: What is looked at

  /// What is looked at, for titles and messages.
  public var name: String { state.withLock { $0.name } }

  /// The render node of the GPU that the vGPU is a part of, such as `/dev/dri/renderD128`; `nil`
  /// for a software one.
  public var renderNode: String? { state.withLock { $0.renderNode } }

  /// Whether a device is held now, which keeps it busy.
  public var holdsDevice: Bool { state.withLock { $0.attached?.holdsDevice ?? false } }

  /// The process that holds the device, such as the guest's QEMU; `nil` while there is none.
  public var process: RunningProcess? { state.withLock { $0.attached?.process } }

  /// Called when another process holds the device than before, and when none does any more: on the
  /// thread that polls, which must not be kept waiting, and not for anything of this source.
  public var onProcess: (@Sendable (RunningProcess?) -> Void)? {
    get { state.withLock { $0.onProcess } }
    set { state.withLock { $0.onProcess = newValue } }
  }

  // MARK: The guest's monitor

  /// Why the guest did not get the monitor that was asked for; `nil` when it did.
  public var monitorProblem: AttachmentError? { state.withLock { $0.monitorProblem } }

  /// Whether the guest's monitor can be exchanged, and then for which sizes, in pixels; `nil` while
  /// nothing is attached, without `controlsMonitor`, and where the driver has no EDID region.
  public var monitorLimits: MonitorLimits? { state.withLock { $0.attached?.monitor?.limits } }

  /// Gives the guest another monitor: unplugs the one that it sees and, 0.1 s later, plugs in one with
  /// this EDID, whether anybody polls or not, and at once when the source or the process ends. A guest
  /// that comes back later gets it too. A bridge is told the size alone, and makes an EDID of its own.
  ///
  /// - Parameters:
  ///   - edid: one block of 128 bytes.
  ///   - size: the mode that it prefers, in pixels, to be compared with what the driver can make.
  /// - Throws: `AttachmentError.noMonitor`, `.monitorTooLarge`, `.vfio`.
  public func plugIn(edid: [UInt8], size: (width: Int, height: Int)) throws(AttachmentError) {
    try state.withLock { (state) throws(AttachmentError) in
      try state.plugIn(WantedMonitor(edid: edid, width: size.width, height: size.height))
    }
  }
}

/// All that changes in a source, and who does what in it: `following` finds, `attached` holds.
///
/// `@unchecked Sendable`: it is reached through its source's lock alone, where nothing of it but
/// values gets out; the frames that `poll` hands out are those of its caller.
private struct State: @unchecked Sendable {
  private var following: Following
  private(set) var attached: Attached?
  private(set) var renderNode: String?
  private var title: String
  private var reason: NoPicture
  /// Damage was told of another guest's picture, or of none.
  private var isOtherPicture = true
  private var past = SourceCounters()
  private var wanted: WantedMonitor?
  private var monitorRefusal: AttachmentError?
  var onProcess: (@Sendable (RunningProcess?) -> Void)?

  /// - Parameter reason: why nothing is attached, where nothing is.
  init(_ following: Following, _ attached: Attached?, _ reason: NoPicture?) {
    self.following = following
    title = "\(following.target)"
    self.reason = reason ?? .waiting("Looking for \(following.target).")
    if let attached { take(attached) }
  }

  var name: String { attached.map { $0.title ?? $0.source.name } ?? title }

  var counters: SourceCounters { attached.map { past + $0.source.counters } ?? past }

  var eventDescriptor: Int32? {
    guard let attached, !attached.isWatched else { return nil }
    return attached.source.eventDescriptor
  }

  mutating func takeDamage() -> Damage? {
    guard let attached else { return nil }
    let damage = attached.source.takeDamage()
    defer { isOtherPicture = false }
    return isOtherPicture ? nil : damage
  }

  mutating func poll() -> DisplayState {
    if following.isDue(isAttached: attached != nil) { look() }
    return attached?.source.poll() ?? .noPicture(reason)
  }

  /// Lets go of what has ended, and looks for what is not there.
  private mutating func look() {
    if let attached, let end = attached.end(on: following.finder.host) {
      past = past + attached.source.counters
      reason = following.reason(after: end, of: attached)
      letGo()
      if attached.process != nil { onProcess?(nil) }
    }
    guard attached == nil else { return }
    switch following.search() {
    case .found(let attached): take(attached)
    case .nothing(let reason): self.reason = reason
    case .unchanged: break
    }
  }

  private mutating func take(_ attached: Attached) {
    following.remember(attached)
    self.attached = attached
    isOtherPicture = true
    title = attached.title ?? title
    renderNode = attached.vGPU?.renderNode
    if let process = attached.process { onProcess?(process) }
    guard let monitor = attached.monitor else { return }
    do throws(VFIOError) {
      if let wanted { try monitor.exchange(wanted) } else { try monitor.repair() }
    } catch {
      monitorRefusal = .vfio(error)
    }
  }

  mutating func letGo() {
    attached?.monitor?.end()
    attached = nil
  }

  // MARK: The guest's monitor

  var monitorProblem: AttachmentError? { monitorRefusal ?? attached?.monitor?.failure }

  mutating func plugIn(_ monitor: WantedMonitor) throws(AttachmentError) {
    wanted = monitor
    monitorRefusal = nil
    guard let attached else { return }
    guard let exchange = attached.monitor else { throw .noMonitor(name) }
    if let most = exchange.largest(toCarry: monitor) {
      wanted = nil
      throw .monitorTooLarge(name, width: monitor.width, height: monitor.height, most: most)
    }
    do {
      try exchange.exchange(monitor)
    } catch {
      throw .vfio(error)
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
