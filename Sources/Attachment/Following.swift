// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import ErrorKinds
import HostDevices
import Libvirt
import LinuxSystem
import SystemPackage
import VFIO
import VGPUDisplay

/// Finds a target's guest, and finds it again. Decides what to look for while there is no guest,
/// how often, and what to tell the user meanwhile.
struct Following {
  let target: Target
  let finder: GuestFinder
  /// The number of the device's descriptor, when the user has chosen one.
  private let descriptor: Int32?
  /// Whether the guest's monitor may be exchanged.
  let controlsMonitor: Bool
  /// What asks libvirt, when the target is a domain.
  private let lookup: DomainLookup?
  /// What shows a guest that may not be looked into; `nil` for a bridge, which must not ask itself.
  private let bridge: MachineBridge?
  /// Its vGPUs' sources while the direct way is closed and none of them has a guest.
  private var standbys: [MdevUUID: BridgeSource] = [:]
  /// The vGPU that was shown, or that is waited for; `nil` when none can come back.
  private var vGPU: AssignedDevice?
  /// Whether that vGPU did not exist at the last search.
  private var isMissing = false
  private var lastLook = MonotonicInstant(nanoseconds: 0)

  /// The seconds between two checks whether the device must be closed: few enough that a guest can
  /// be restarted at once. A check takes three system calls.
  private static let watchInterval = 0.1
  /// The seconds between two searches for a process while there is none. A search reads all of
  /// `/proc`.
  private static let searchInterval = 0.5

  /// - Parameter asksBridge: whether the machine's bridge may be asked for the frames.
  init(
    _ target: Target, descriptor: Int32?, controlsMonitor: Bool, asksBridge: Bool,
    host: HostHardware
  ) {
    self.target = target
    // No bridge knows a process's descriptors.
    bridge = asksBridge && descriptor == nil ? MachineBridge(of: host) : nil
    self.descriptor = descriptor
    // What has no device decides by itself.
    self.controlsMonitor =
      switch target {
      case .bridge, .demo, .qmp: true
      case .process, .mdev, .pci, .libvirt: controlsMonitor
      }
    finder = GuestFinder(host: host)
    lookup =
      if case .libvirt(let name, let daemon) = target {
        DomainLookup(name: name, of: daemon, on: host)
      } else {
        nil
      }
  }

  // MARK: When to look

  /// Whether it is time to check the attached device, or to search for one. Remembers the time when
  /// it answers yes.
  mutating func isDue(isAttached: Bool, now: MonotonicInstant) -> Bool {
    let interval = isAttached ? Self.watchInterval : Self.searchInterval
    guard
      now.seconds(since: lastLook) >= interval || !isAttached && lookup?.isAnswered == true
    else { return false }
    lastLook = now
    return true
  }

  // MARK: The first time

  /// Attaches to the target now.
  ///
  /// - Throws: `AttachmentError` when the target cannot be looked at now.
  func attach(waiting: Bool) throws(AttachmentError) -> Attached {
    switch target {
    case .demo: return try .demo()
    case .bridge(let path, let vGPU): return try .bridge(path, vGPU, waiting: waiting)
    case .qmp: throw .noScreen("\(target)")
    case .process, .mdev, .pci, .libvirt:
      guard let found = try find() else { throw .noScreen("\(target)") }
      return try attach(to: found)
    }
  }

  /// Finds the device of the target now; waits for libvirt's answer.
  ///
  /// - Returns: `nil` for a target that no process here has.
  func find() throws(AttachmentError) -> FoundDisplay? {
    switch target {
    case .demo, .bridge, .qmp: nil
    case .process(let pid): try finder.find(pid: pid, descriptor: descriptor)
    case .mdev(let uuid): try finder.find(.mdev(uuid), descriptor: descriptor)
    case .pci(let address): try finder.find(.pci(address), descriptor: descriptor)
    case .libvirt:
      if let domain = try lookup?.ask() {
        try finder.find(domain, descriptor: descriptor)
      } else {
        nil
      }
    }
  }

  /// A better error, when there is one: it names the process that seems to have the device.
  ///
  /// - Parameter opensGroup: whether the vGPU's group may be opened for a moment.
  func explain(_ error: AttachmentError, opensGroup: Bool) -> AttachmentError {
    HiddenHolder.explain(
      error, host: finder.host, domain: lookup?.lastDomain, opensGroup: opensGroup)
  }

  /// What the machine's bridge shows of a target that may not be looked into; waits for its answers.
  ///
  /// - Parameter error: the explained error of `attach`.
  /// - Returns: `nil` when the bridge is not there, does not show the target to this user or knows of no
  ///   guest, and when the error is about something else than rights.
  mutating func firstSubstitute(for error: AttachmentError) -> Attached? {
    guard let bridge, bridge.isThere, error.mayBeAboutRights else { return nil }
    for vGPU in bridgedVGPUs {
      if let source = bridge.source(of: vGPU) { return substitute(source, of: vGPU) }
    }
    return nil
  }

  /// The same, later and without a wait: the bridge is asked in each search, beside the direct way.
  private mutating func laterSubstitute(for error: AttachmentError) -> Attached? {
    guard let bridge, bridge.isThere, error.mayBeAboutRights else {
      standbys = [:]
      return nil
    }
    let vGPUs = bridgedVGPUs
    standbys = standbys.filter { vGPUs.contains($0.key) }
    for vGPU in vGPUs {
      let source = standbys[vGPU] ?? bridge.laterSource(of: vGPU)
      standbys[vGPU] = source
      _ = source.poll()
      if source.hasGuest == true { return substitute(source, of: vGPU) }
    }
    return nil
  }

  private mutating func substitute(_ source: BridgeSource, of vGPU: MdevUUID) -> Attached {
    standbys = [:]
    // A domain is asked for its vGPUs again.
    if !target.isDomain { self.vGPU = .mdev(vGPU) }
    return .substitute(source, as: target, controlsMonitor: controlsMonitor)
  }

  /// The vGPUs to ask the machine's bridge for. A process's own words would have to be believed to find its
  /// vGPU.
  private var bridgedVGPUs: [MdevUUID] {
    switch target {
    case .mdev(let uuid): [uuid]
    case .libvirt:
      (lookup?.lastDomain?.vGPUs ?? []).compactMap { name in
        if case .mdev(let uuid) = name { uuid } else { nil }
      }
    case .process, .pci, .bridge, .qmp, .demo: []
    }
  }

  /// What to show while waiting for a guest that does not exist yet.
  ///
  /// - Parameters:
  ///   - error: what `attach` threw.
  ///   - explained: the same, explained.
  /// - Throws: the error or a better one, when waiting cannot help.
  mutating func reason(
    toWaitAfter error: AttachmentError, _ explained: AttachmentError, waiting: Bool
  ) throws(AttachmentError) -> NoPicture {
    guard waiting else { throw advised(explained) }
    if let name = error.unheldDevice {
      vGPU = name
      // The process that seems to have the vGPU is only a hint for the message: any process can
      // look like that, and must not keep anybody from the guest.
      return .waiting(
        explained.unheldDevice == nil
          ? "\(explained)" : "Waiting for a guest to use the vGPU \(name.busName).")
    }
    if let name = error.missingDevice, lookup == nil {
      vGPU = name
      isMissing = true
      return .waiting("Waiting for the vGPU \(name.busName) to be created.")
    }
    switch error {
    case .libvirt(.notRunning):
      return .waiting("Waiting for \(target) to be started.")
    default: throw advised(explained)
    }
  }

  /// The error with what the user can do to see the target by the machine's bridge.
  private func advised(_ error: AttachmentError) -> AttachmentError {
    guard error.mayBeAboutRights, !bridgedVGPUs.isEmpty, let advice = bridge?.advice else {
      return error
    }
    return .screen(ScreenFailure("\(error); here: \(advice)", error.errorClass))
  }

  /// Remembers what is shown, to find it again.
  mutating func remember(_ attached: Attached) {
    vGPU = attached.vGPU?.name ?? vGPU
    isMissing = false
    standbys = [:]
  }

  // MARK: Again

  /// What to tell about a guest whose device was closed.
  mutating func reason(after end: Attached.End, of attached: Attached) -> NoPicture {
    let what: String
    switch end {
    case .removal(let name):
      // A device of our own does not come back.
      if attached.process == nil { vGPU = nil }
      return .waiting("The vGPU \(name.busName) is gone.")
    case .process: what = "The guest has ended."
    case .device: what = "The guest has given the vGPU back."
    }
    if lookup != nil {
      return .waiting("\(what) Waiting for \(target) to be started again.")
    }
    if let vGPU {
      return .waiting("\(what) Waiting for the vGPU \(vGPU.busName) to be used again.")
    }
    return .failed(
      .system(
        SystemCallError(
          call: "pidfd_open", object: "\(target)", errno: .noSuchProcess,
          remedy: end == .process ? "the process has ended" : "the process has closed the device")))
  }

  /// The result of a search.
  enum Outcome {
    case found(Attached)
    case nothing(NoPicture)
    /// As before: no process has the device yet, or libvirt has not answered.
    case unchanged
  }

  /// Looks for the guest once more. It does not block: a thread of its own asks libvirt.
  mutating func search() -> Outcome {
    do {
      if let lookup {
        guard let answer = lookup.take() else {
          lookup.begin()
          return .unchanged
        }
        return .found(try attach(to: try find(try answer.get())))
      }
      guard let vGPU else { return .unchanged }
      return .found(try attach(to: try finder.find(vGPU, descriptor: nil)))
    } catch {
      if let attached = laterSubstitute(for: error) { return .found(attached) }
      if let name = error.unheldDevice {
        if isMissing {
          isMissing = false
          return .nothing(.waiting("Waiting for a guest to use the vGPU \(name.busName)."))
        }
        // A domain's QEMU may be another user's, so the explained error is more precise.
        let explained = lookup == nil ? error : explain(error, opensGroup: false)
        return explained.unheldDevice == nil ? .nothing(.waiting("\(explained)")) : .unchanged
      }
      if let name = error.missingDevice, lookup == nil {
        guard !isMissing else { return .unchanged }
        isMissing = true
        return .nothing(
          .waiting("The vGPU \(name.busName) is gone. Waiting for it to come back."))
      }
      if case .libvirt(.notRunning) = error {
        return .nothing(.waiting("Waiting for \(target) to be started."))
      }
      return .nothing(.waiting("\(error)"))
    }
  }

  private func find(_ domain: RunningDomain) throws(AttachmentError) -> FoundDisplay {
    guard let vGPU, domain.vGPUs.contains(vGPU) else {
      return try finder.find(domain, descriptor: descriptor)
    }
    var domain = domain
    // The descriptor may have another number now.
    domain.vGPUs = [vGPU]
    return try finder.find(domain, descriptor: nil)
  }

  private func attach(to found: consuming FoundDisplay) throws(AttachmentError) -> Attached {
    try .found(found, as: target, controlsMonitor: controlsMonitor, on: finder.host)
  }
}
