// SPDX-License-Identifier: Apache-2.0

import BridgeClient
public import HostDevices
public import LinuxSystem
import Synchronization
import SystemPackage
public import VFIO
public import VGPUDisplay

/// The frames of a target. The source finds the process that holds the target's device, duplicates
/// the device's descriptor, and keeps only what can look. It closes the duplicate as soon as that
/// process ends or closes the device, or somebody removes the vGPU, because the kernel keeps a
/// device busy as long as anyone holds it.
///
/// That happens within 0.1 s, also when nobody polls the source, as in a hidden window: a thread of
/// this library's looks after all sources of the process (`LettingGo`).
///
/// The source waits for a vGPU that has a UUID, and finds it again when its guest comes back, also
/// in another process. It does the same for a domain of libvirt's, also when the domain gets
/// another vGPU.
///
/// Only one thread at a time may call `poll`, as with every source. Any thread may use everything
/// else; a call waits while a poll goes on.
public final class AttachedSource: FrameSource, Sendable {
  private let core: Core

  // MARK: Attaching

  /// Attaches to a target.
  ///
  /// - Parameters:
  ///   - target: what to look at.
  ///   - descriptor: the number of the device's descriptor, for a process that holds several.
  ///   - waiting: `true` to wait for a vGPU that nobody holds yet, or for a domain that does not
  ///     run yet, instead of throwing an error.
  ///   - controlsMonitor: whether `plugIn` will be used; with `false`, nothing of the device is
  ///     ever written.
  ///   - lettingGo: who notices that the device must be closed.
  ///   - host: the vGPUs and processes to look at, for tests.
  /// - Throws: `AttachmentError` when the target cannot be looked at now.
  ///
  /// When the target is a domain, this call blocks until libvirt answers; `poll` does not block.
  ///
  /// A vGPU whose process may not be looked into is shown by the machine's bridge
  /// (`/run/vgpu/bridge.sock`), when that shows it to this user; but not with `LettingGo.inPolls`. This
  /// call then waits for the bridge too, some seconds at most.
  public init(
    _ target: Target, descriptor: Int32? = nil, waiting: Bool = false,
    controlsMonitor: Bool = false, lettingGo: LettingGo = .unasked,
    host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    var following = Following(
      target, descriptor: descriptor, controlsMonitor: controlsMonitor,
      asksBridge: lettingGo == .unasked, host: host)
    var attached: Attached?
    var reason: NoPicture?
    do throws(AttachmentError) {
      attached = try following.attach(waiting: waiting)
    } catch {
      let explained = following.explain(error, opensGroup: true)
      attached = following.firstSubstitute(for: explained)
      if attached == nil {
        reason = try following.reason(toWaitAfter: error, explained, waiting: waiting)
      }
    }
    core = Core(State(following, attached, reason), lettingGo)
  }

  /// Takes over a duplicate of the device that a guest was started with. This needs no right to
  /// look into the guest's process. When the process ends, the source finds the vGPU again by its
  /// UUID.
  ///
  /// - Parameters:
  ///   - device: an open device that the process has bound; the source owns the descriptor.
  ///   - vGPU: the device's vGPU.
  ///   - process: the guest's process.
  ///   - controlsMonitor: as above.
  ///   - host: as above.
  /// - Throws: `AttachmentError.vfio`.
  public convenience init(
    keeping device: consuming OwnedFileDescriptor, of vGPU: MdevDevice, process: RunningProcess,
    controlsMonitor: Bool = false, host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    do {
      self.init(
        try .kept(device, of: .mdev(vGPU), by: process, controlsMonitor: controlsMonitor, on: host),
        of: vGPU, controlsMonitor: controlsMonitor, host: host)
    } catch {
      throw .vfio(error)
    }
  }

  /// The same, for a process by its number. The caller must not reap the process during this call.
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

  /// Looks at a device that this process has itself: it opened the device or was given it. The end
  /// of no process ends the source: the source keeps the device busy as long as the source lives,
  /// or until the vGPU is removed.
  ///
  /// - Parameters:
  ///   - device: an open device that is bound; the source duplicates its descriptor and keeps what
  ///     can look.
  ///   - vGPU: the device's vGPU.
  ///   - controlsMonitor: as above.
  ///   - lettingGo: as above.
  ///   - host: as above.
  /// - Throws: `AttachmentError.otherDevice` when the kernel says that the device is not of this
  ///   vGPU; `.vfio`.
  public convenience init(
    showing device: borrowing Device, of vGPU: MdevDevice, controlsMonitor: Bool = false,
    lettingGo: LettingGo = .unasked, host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    if let name = host.deviceName(ofDescriptor: device.rawValue), MdevUUID(name) != vGPU.uuid {
      throw .otherDevice(vGPU.uuid, isOf: name)
    }
    do {
      self.init(
        try .shown(device, of: .mdev(vGPU), controlsMonitor: controlsMonitor, on: host), of: vGPU,
        controlsMonitor: controlsMonitor, lettingGo, host: host)
    } catch {
      throw .vfio(error)
    }
  }

  /// Looks at a device that this process has opened, and owns it. Everything that belongs to the
  /// device is closed with the source, or when the vGPU is removed.
  ///
  /// - Parameters:
  ///   - device: the device.
  ///   - vGPU: the vGPU by whose name or node the device was opened.
  ///   - controlsMonitor: as above.
  ///   - lettingGo: as above.
  ///   - host: as above.
  /// - Throws: `AttachmentError.vfio`.
  public convenience init(
    owning device: consuming OwnedDevice, of vGPU: MdevDevice, controlsMonitor: Bool = false,
    lettingGo: LettingGo = .unasked, host: HostHardware = HostHardware()
  ) throws(AttachmentError) {
    do {
      self.init(
        try .owned(device, of: .mdev(vGPU), controlsMonitor: controlsMonitor, on: host), of: vGPU,
        controlsMonitor: controlsMonitor, lettingGo, host: host)
    } catch {
      throw .vfio(error)
    }
  }

  init(
    _ attached: Attached, of vGPU: MdevDevice, controlsMonitor: Bool,
    _ lettingGo: LettingGo = .unasked, host: HostHardware
  ) {
    let following = Following(
      .mdev(vGPU.uuid), descriptor: nil, controlsMonitor: controlsMonitor,
      asksBridge: lettingGo == .unasked, host: host)
    core = Core(State(following, attached, nil), lettingGo)
  }

  deinit { core.state.withLock { $0.letGo() } }

  // MARK: Looking

  /// Looks at the guest's screen now; see `FrameSource`.
  public func poll() -> DisplayState { core.state.withLock { $0.poll() } }

  /// The descriptor of the attached screen, when that screen reports changes; see `FrameSource`.
  /// `nil` while the source looks for a guest, and while it watches a process or a vGPU for its
  /// end: `poll` does both, so the caller must call `poll`.
  public var eventDescriptor: Int32? { core.state.withLock { $0.eventDescriptor } }

  /// The parts of the picture that changed since the last call; see `FrameSource`. `nil` also at
  /// the first call after the source found another guest.
  public func takeDamage() -> Damage? { core.state.withLock { $0.takeDamage() } }

  /// What the source has done so far, all processes together.
  public var counters: SourceCounters { core.state.withLock { $0.counters } }

  /// Called when the source has closed a device, or lost a bridge's picture, and nobody polled; see
  /// `FrameSource`. Called on the thread that looks after sources: do not block there.
  public func whenLetGo(_ body: @escaping @Sendable () -> Void) {
    core.state.withLock { $0.onLetGo = body }
  }

  // MARK: What is looked at

  /// The name of the target, for titles and messages.
  public var name: String { core.state.withLock { $0.name } }

  /// The render node of the GPU that the vGPU is a part of, such as `/dev/dri/renderD128`; `nil`
  /// for a software vGPU.
  public var renderNode: String? { core.state.withLock { $0.renderNode } }

  /// Whether a device is held now, which keeps it busy.
  public var holdsDevice: Bool { core.state.withLock { $0.attached?.holdsDevice ?? false } }

  /// The process that holds the device, such as the guest's QEMU; `nil` while there is none.
  public var process: RunningProcess? { core.state.withLock { $0.attached?.process } }

  /// Called when another process holds the device than before, and with `nil` when no process holds
  /// it any more. It is called on the thread that polls, or on the thread that looks after sources:
  /// do not block there, and do not use this source there.
  public var onProcess: (@Sendable (RunningProcess?) -> Void)? {
    get { core.state.withLock { $0.onProcess } }
    set { core.state.withLock { $0.onProcess = newValue } }
  }

  // MARK: The guest's monitor

  /// Why the guest did not get the monitor of the last `plugIn`; `nil` when it did.
  public var monitorProblem: AttachmentError? { core.state.withLock { $0.monitorProblem } }

  /// Whether the guest's monitor may be exchanged: nothing of a device is written otherwise. A bridge
  /// decides by itself.
  package var controlsMonitor: Bool { core.state.withLock { $0.controlsMonitor } }

  /// The sizes for which the guest's monitor can be exchanged, in pixels; `nil` while nothing is
  /// attached, without `controlsMonitor`, and when the driver has no EDID region.
  public var monitorLimits: MonitorLimits? { core.state.withLock { $0.attached?.monitor?.limits } }

  /// Whether the guest's monitor can be exchanged; `false` when the driver has no EDID region, when the
  /// bridge allows no other size, and without `controlsMonitor`; `nil` while nothing is attached, and while
  /// the bridge has not answered.
  public var takesMonitors: Bool? { core.state.withLock(\.takesMonitors) }

  /// Gives the guest another monitor: unplugs the guest's monitor and plugs in one with this EDID
  /// 0.1 s later. Nobody has to poll for that. When the source or the process ends, the monitor is
  /// plugged in at once. A guest that comes back later gets the new monitor too. A bridge is told
  /// only the size, and makes an EDID of its own.
  ///
  /// - Parameters:
  ///   - edid: one block of 128 bytes.
  ///   - size: the preferred mode of the EDID, in pixels; it is compared with what the driver can
  ///     make.
  /// - Throws: `AttachmentError.notControlled`, `.noMonitor`, `.monitorTooLarge`, `.vfio`.
  public func plugIn(edid: [UInt8], size: (width: Int, height: Int)) throws(AttachmentError) {
    try core.state.withLock { (state) throws(AttachmentError) in
      try state.plugIn(WantedMonitor(edid: edid, width: size.width, height: size.height))
    }
  }
}

/// Who notices that a source must close its device: the guest's process has ended or has closed the
/// device, or somebody removes the vGPU.
@nonexhaustive
public enum LettingGo: Sendable {
  /// The source, within 0.1 s. One thread of this process looks after all such sources.
  case unasked
  /// The caller's polls. Poll at least ten times a second. For a program that may not have a second
  /// thread when it makes the source: one that gives up privileges later, which the second thread
  /// would keep.
  case inPolls
}

/// A source's state under its lock, which the thread that looks after sources shares.
private final class Core: DeviceWatch.Keeper {
  let state: Mutex<State>

  init(_ state: State, _ lettingGo: LettingGo) {
    self.state = Mutex(state)
    if lettingGo == .unasked { DeviceWatch.shared.add(self) }
  }

  func lookAfter() {
    // Whoever has the lock polls, which looks after the source too.
    let onLetGo = state.withLockIfAvailable { $0.lookAfter() ? $0.onLetGo : nil }
    // Without the lock, because a poll may follow at once.
    onLetGo??()
  }
}

/// All that changes in a source: `following` finds guests, `attached` holds the device.
///
/// `@unchecked Sendable`: it is reached only through its source's lock, and only values leave that
/// lock. The frames that `poll` returns belong to its caller.
private struct State: @unchecked Sendable {
  private var following: Following
  private(set) var attached: Attached?
  private(set) var renderNode: String?
  private var title: String
  private var reason: NoPicture
  /// The last damage that was told was of another guest's picture, or of none.
  private var isOtherPicture = true
  private var past = SourceCounters()
  private var wanted: WantedMonitor?
  private var monitorRefusal: AttachmentError?
  var onProcess: (@Sendable (RunningProcess?) -> Void)?
  var onLetGo: (@Sendable () -> Void)?
  /// The last poll, or look without one, found a picture.
  private var hasPicture = false
  private var lastPoll = MonotonicInstant(nanoseconds: 0)
  /// Since when what stands in for the device has had neither a picture nor a bridge.
  private var blankSince: MonotonicInstant?

  /// How long that may be before another search, in seconds.
  private static let patience = 2.0

  /// - Parameter reason: why nothing is attached; `nil` when something is.
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
    let now = MonotonicInstant.now
    if following.isDue(isAttached: attached != nil, now: now) {
      _ = closeEnded()
      if attached == nil { search() }
    }
    return poll(now)
  }

  private mutating func poll(_ now: MonotonicInstant) -> DisplayState {
    lastPoll = now
    let state = attached?.source.poll() ?? .noPicture(reason)
    hasPicture = if case .frame = state { true } else { false }
    giveWay(state, now)
    return state
  }

  /// Lets go of what stands in for the device as soon as it has no guest: the next one on this vGPU may be
  /// another domain's, and the user's own guest is found without it. A bridge that is away has a little time
  /// to come back.
  private mutating func giveWay(_ state: DisplayState, _ now: MonotonicInstant) {
    guard let attached, let substitute = attached.substitute,
      case .noPicture(let why) = state, substitute.hasGuest != true
    else {
      blankSince = nil
      return
    }
    let since = blankSince ?? now
    blankSince = since
    guard substitute.hasGuest == false || now.seconds(since: since) >= Self.patience else { return }
    past = past + attached.source.counters
    reason = why
    letGo()
  }

  /// Closes what must be closed, without a poll.
  ///
  /// - Returns: whether frames of the last polls are out of date now.
  mutating func lookAfter() -> Bool {
    guard let attached else { return false }
    let now = MonotonicInstant.now
    if attached.isWatched {
      return following.isDue(isAttached: true, now: now) && closeEnded()
    }
    // Such a source closes the other side's buffers in its polls.
    guard attached.learnsInPolls, hasPicture, lastPoll.duration(to: now) >= DeviceWatch.interval
    else { return false }
    _ = poll(now)
    return !hasPicture
  }

  /// Closes a device that must be closed.
  ///
  /// - Returns: whether there was one.
  private mutating func closeEnded() -> Bool {
    guard let attached, let end = attached.end(on: following.finder.host) else { return false }
    past = past + attached.source.counters
    reason = following.reason(after: end, of: attached)
    letGo()
    if attached.process != nil { onProcess?(nil) }
    return true
  }

  private mutating func search() {
    switch following.search() {
    case .found(let attached): take(attached)
    case .nothing(let reason): self.reason = reason
    case .unchanged: break
    }
  }

  private mutating func take(_ attached: Attached) {
    following.remember(attached)
    self.attached = attached
    blankSince = nil
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

  var controlsMonitor: Bool { following.controlsMonitor }

  var takesMonitors: Bool? {
    guard let attached else { return nil }
    return attached.monitor.map(\.isPossible) ?? false
  }

  mutating func plugIn(_ monitor: WantedMonitor) throws(AttachmentError) {
    guard controlsMonitor else { throw .notControlled(name) }
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
