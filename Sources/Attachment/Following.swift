// SPDX-License-Identifier: Apache-2.0

import HostDevices
import Libvirt
import LinuxSystem
import SystemPackage
import VFIO
import VGPUDisplay

/// Finds a target's guest, and finds it again: what is looked for while there is none, how often, and
/// what the user is told meanwhile.
struct Following {
  let target: Target
  let finder: GuestFinder
  /// The device's descriptor, where the user has chosen one.
  private let descriptor: Int32?
  private let controlsMonitor: Bool
  /// Who asks libvirt, where the target is a domain of its.
  private let lookup: DomainLookup?
  /// The vGPU that was shown, or that is waited for; `nil` where none comes back.
  private var vGPU: MdevUUID?
  private var lastLook = MonotonicInstant(nanoseconds: 0)

  /// How often it is checked whether the device is to be let go, in seconds: often enough that a guest
  /// can be restarted at once. It takes three system calls.
  private static let watchInterval = 0.1
  /// How often a process is looked for while there is none: that reads all of `/proc`.
  private static let searchInterval = 0.5

  init(_ target: Target, descriptor: Int32?, controlsMonitor: Bool, host: HostHardware) {
    self.target = target
    self.descriptor = descriptor
    self.controlsMonitor = controlsMonitor
    finder = GuestFinder(host: host)
    lookup =
      if case .libvirt(let name, let daemon) = target {
        DomainLookup(name: name, of: daemon)
      } else {
        nil
      }
  }

  // MARK: When to look

  /// Whether it is time to look after what is attached, or for what is not; the time of that look is
  /// taken down.
  mutating func isDue(isAttached: Bool) -> Bool {
    let now = MonotonicInstant.now
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
    case .process, .mdev, .libvirt:
      guard let found = try find() else { throw .noScreen("\(target)") }
      return try attach(to: found)
    }
  }

  /// Finds the device of the target now; libvirt is waited for.
  ///
  /// - Returns: `nil` for a target that no process here has.
  func find() throws(AttachmentError) -> FoundDisplay? {
    switch target {
    case .demo, .bridge: nil
    case .process(let pid): try finder.find(pid: pid, descriptor: descriptor)
    case .mdev(let uuid): try finder.find(uuid, descriptor: descriptor)
    case .libvirt:
      if let domain = try lookup?.ask() {
        try finder.find(domain, descriptor: descriptor)
      } else {
        nil
      }
    }
  }

  /// A better error, where there is one: who seems to have what nobody is seen to have.
  ///
  /// - Parameter opensGroup: whether the vGPU's group may be opened for a moment.
  func explain(_ error: AttachmentError, opensGroup: Bool) -> AttachmentError {
    HiddenHolder.explain(
      error, host: finder.host, domain: lookup?.lastDomain, opensGroup: opensGroup)
  }

  /// What a guest that is not there yet is waited for with.
  ///
  /// - Parameter error: what `attach` threw.
  /// - Throws: the error, or a better one: what is not there and cannot be waited for.
  mutating func reason(
    toWaitAfter error: AttachmentError, waiting: Bool
  ) throws(AttachmentError) -> NoPicture {
    let explained = explain(error, opensGroup: true)
    guard waiting else { throw explained }
    switch error {
    case .notHeld(let uuid):
      vGPU = uuid
      // Who seems to have it is a hint for the message: anybody can look like that, and must keep
      // nobody from the guest.
      return
        if case .notHeld = explained
      {
        .waiting("Waiting for a guest to use the vGPU \(uuid).")
      } else {
        .waiting("\(explained)")
      }
    case .libvirt(.notRunning):
      return .waiting("Waiting for \(target) to be started.")
    default: throw explained
    }
  }

  /// Remembers what is shown, to find it again.
  mutating func remember(_ attached: Attached) { vGPU = attached.vGPU?.uuid ?? vGPU }

  // MARK: Again

  /// What is told of what was attached and has ended.
  mutating func reason(after end: Attached.End, of attached: Attached) -> NoPicture {
    let what: String
    switch end {
    case .removal(let uuid):
      // A device of our own does not come back.
      if attached.process == nil { vGPU = nil }
      return .waiting("The vGPU \(uuid) is gone.")
    case .process: what = "The guest has ended."
    case .device: what = "The guest has given the vGPU back."
    }
    if lookup != nil {
      return .waiting("\(what) Waiting for \(target) to be started again.")
    }
    if let vGPU {
      return .waiting("\(what) Waiting for the vGPU \(vGPU) to be used again.")
    }
    return .failed(
      .system(
        SystemCallError(
          call: "pidfd_open", object: "\(target)", errno: .noSuchProcess,
          remedy: end == .process ? "the process has ended" : "the process has closed the device")))
  }

  /// What a search has come to.
  enum Outcome {
    case found(Attached)
    case nothing(NoPicture)
    /// As before: nobody has it yet, or libvirt has not answered.
    case unchanged
  }

  /// Looks for the guest once more. It does not block: libvirt is asked on a thread of its own.
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
      switch error {
      case .notHeld:
        // Of a domain's QEMU, which may be another user's, the reason is known better.
        let explained = lookup == nil ? error : explain(error, opensGroup: false)
        if case .notHeld = explained { return .unchanged }
        return .nothing(.waiting("\(explained)"))
      case .libvirt(.notRunning):
        return .nothing(.waiting("Waiting for \(target) to be started."))
      case .noSuchVGPU(let uuid, _) where lookup == nil:
        return .nothing(.waiting("The vGPU \(uuid) is gone. Waiting for it to come back."))
      default: return .nothing(.waiting("\(error)"))
      }
    }
  }

  private func find(_ domain: RunningDomain) throws(AttachmentError) -> FoundDisplay {
    guard let vGPU, domain.mdevs.contains(vGPU) else {
      return try finder.find(domain, descriptor: descriptor)
    }
    var domain = domain
    // A descriptor's number may be another now.
    domain.mdevs = [vGPU]
    return try finder.find(domain, descriptor: nil)
  }

  private func attach(to found: consuming FoundDisplay) throws(AttachmentError) -> Attached {
    try .found(found, as: target, controlsMonitor: controlsMonitor, on: finder.host)
  }
}
