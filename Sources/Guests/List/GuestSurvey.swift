// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeClient
import BridgeProtocol
import ErrorKinds
import HostDevices
import Libvirt

/// What there is to look at, as each that knows of guests tells it: the kernel, libvirt, bridges.
///
/// One guest shows up in several of these. What belongs together is decided by what the kernel and libvirt
/// say: which process has which vGPU's node open, which vGPU's a domain has. A process says of itself which
/// domain it runs; that can only take its own row away.
struct GuestSurvey: Sendable {
  /// A vGPU that exists.
  struct VGPU: Sendable {
    let name: AssignedDevice
    /// Its type and its parent, for people.
    let label: String
    /// The processes that have it open, as far as this user may see.
    let users: [Int32]
    /// What a look at it has found.
    let facts: GuestFacts
  }

  /// A process that seems to run a guest.
  struct Process: Sendable {
    let pid: Int32
    let program: String
    let user: String
    /// The guest's name in its own words.
    let guestName: String?
    /// The domain's UUID in its own words, in lower case.
    let domain: String?
    let facts: GuestFacts
  }

  /// A vGPU that survives reboots, and that the host has not made yet.
  struct Stopped: Sendable {
    let uuid: MdevUUID
    let label: String
  }

  var vGPUs: [VGPU] = []
  var processes: [Process] = []
  var stopped: [Stopped] = []
  /// By the connections' URIs, in the order in which they are searched for a name.
  var domains: [(uri: String, answer: Result<[ListedDomain], LibvirtError>)] = []
  /// By the sockets' paths.
  var bridges: [(path: String, answer: Result<BridgeListing, BridgeError>)] = []

  /// The list: what runs comes first, and each part is in the order of its titles.
  var guests: [ListedGuest] {
    var merged = Merged()
    for (uri, answer) in domains {
      switch answer {
      case .success(let domains): for domain in domains { add(domain, to: &merged) }
      // A machine without libvirt, and without a daemon, has no domains.
      case .failure(.notInstalled), .failure(.daemonNotRunning): break
      case .failure(let error): merged.guests.append(Self.unreachable(uri, error))
      }
    }
    for vGPU in vGPUs where !merged.vGPUs.contains(vGPU.name) { add(vGPU, to: &merged) }
    for process in processes where !merged.pids.contains(process.pid) {
      merged.guests.append(Self.guest(process))
    }
    for vGPU in stopped where !merged.vGPUs.contains(.mdev(vGPU.uuid)) {
      merged.guests.append(Self.guest(vGPU))
    }
    for (path, answer) in bridges {
      merged.guests += Self.guests(path, answer).filter { !merged.isThere($0) }
    }
    return merged.guests.sorted { $0.place(inOrder: $1) }
  }

  /// The list so far, and what is in it.
  private struct Merged {
    var guests: [ListedGuest] = []
    var vGPUs: Set<AssignedDevice> = []
    var pids: Set<Int32> = []
    /// Those that a bridge shows under their own names.
    var bridged: Set<Target> = []

    func isThere(_ guest: ListedGuest) -> Bool { guest.target.map(bridged.contains) ?? false }
  }

  /// The facts, with what the machine's bridge has told, when the device may not be looked at.
  private func bridged(_ facts: GuestFacts, _ merged: inout Merged) -> GuestFacts {
    let bridge = MachineBridge(of: HostHardware())
    guard case .failure(let error)? = facts.device, error.errorClass == .notPermitted,
      case .success(let listing)? = bridges.first(where: { $0.path == bridge.path })?.answer
    else { return facts }
    var facts = facts
    facts.machineBridge = (bridge, .success(listing))
    if case .success(let shown?) = MachineBridgeScreen.shown(facts) {
      merged.bridged.insert(.bridge(path: bridge.path, vGPU: shown.identifier))
    }
    return facts
  }

  // MARK: Domains

  private func add(_ domain: ListedDomain, to merged: inout Merged) {
    let isRunning = domain.state != .shutOff && domain.state != .crashed
    let assigned = domain.devices.compactMap { name in vGPUs.first { $0.name == name } }
    // While the domain is off, another guest may have its vGPU.
    let own = isRunning ? assigned : assigned.filter(\.isFree)
    merged.vGPUs.formUnion(own.map(\.name))
    merged.vGPUs.formUnion(domain.devices.filter { name in !vGPUs.contains { $0.name == name } })
    if isRunning {
      merged.pids.formUnion(own.flatMap(\.users))
      // When several say so, all but one lie, and nobody knows which.
      let claims = processes.filter { $0.domain == domain.uuid }
      if claims.count == 1 { merged.pids.formUnion(claims.map(\.pid)) }
    }
    let target = target(of: domain)
    let facts = bridged(
      facts(of: domain, at: target, isRunning: isRunning, vGPUs: own), &merged)
    let opening = facts.opening(isRunning: isRunning)
    merged.guests.append(
      ListedGuest(
        name: "\(domain.uri) \(domain.uuid)", target, title: domain.name, .domain,
        isRunning ? .running : .off, place: "libvirt, \(domain.uri)", opening,
        startable: isRunning ? nil : ListedGuest.Startable(uri: domain.uri, uuid: domain.uuid)))
  }

  /// The target for the command line: with the domain's name, which people know and settings are remembered
  /// by, when that means this domain and no other.
  private func target(of domain: ListedDomain) -> Target {
    let daemon = [LibvirtDaemon.session, .system].first { $0.uri == domain.uri }
    let named = Target.libvirt(name: domain.name, of: daemon)
    guard Target("\(named)") == named else { return .libvirt(name: domain.uuid, of: daemon) }
    return named
  }

  /// The facts of a domain, without the right to do more than read: `Guest.look()` connects as one who may
  /// control it, for which some users are asked for a password.
  private func facts(
    of domain: ListedDomain, at target: Target, isRunning: Bool, vGPUs: [VGPU]
  ) -> GuestFacts {
    var facts = GuestFacts(target)
    facts.isLookedAt = true
    facts.domain = GuestFacts.Domain(
      name: domain.name, uuid: domain.uuid, uri: domain.uri, state: domain.state,
      devices: domain.devices, displayIndex: domain.displayIndex)
    facts.vGPUs = vGPUs.flatMap(\.facts.vGPUs)
    facts.pciVGPUs = vGPUs.flatMap(\.facts.pciVGPUs)
    let looks = vGPUs.compactMap(\.facts.device)
    facts.device =
      looks.first { (try? $0.get())?.transport != nil } ?? looks.first
      ?? .failure(.libvirt(.noMediatedDevice(name: domain.name, uri: domain.uri)))
    if !isRunning, !domain.devices.isEmpty || domain.displayIndex != nil {
      facts.device = .failure(.libvirt(.notRunning(name: domain.name, uri: domain.uri)))
    }
    return facts
  }

  private static func unreachable(_ uri: String, _ error: LibvirtError) -> ListedGuest {
    ListedGuest(
      name: uri, nil, title: uri, .domain, .unreachable, place: "libvirt", .refused("\(error)"))
  }

  // MARK: Others

  private func add(_ vGPU: VGPU, to merged: inout Merged) {
    let holders = processes.filter { vGPU.users.contains($0.pid) }
    merged.pids.formUnion(holders.map(\.pid))
    // With several, nobody knows whose guest it is.
    let guestName = holders.count == 1 ? holders.first?.guestName : nil
    let isRunning = !vGPU.isFree
    let facts = bridged(vGPU.facts, &merged)
    merged.guests.append(
      ListedGuest(
        Target(vGPU.name), title: guestName ?? vGPU.name.busName, .vGPU,
        isRunning ? .running : .off,
        place: guestName == nil ? vGPU.label : "\(vGPU.name.busName), \(vGPU.label)",
        facts.opening(isRunning: isRunning)))
  }

  private static func guest(_ process: Process) -> ListedGuest {
    ListedGuest(
      .process(process.pid), title: process.guestName ?? process.program, .process, .running,
      place: "process \(process.pid), user \(process.user)",
      process.facts.opening(isRunning: true))
  }

  private static func guest(_ vGPU: Stopped) -> ListedGuest {
    ListedGuest(
      .mdev(vGPU.uuid), title: "\(vGPU.uuid)", .vGPU, .notStarted, place: vGPU.label,
      .refused("\(vGPU.uuid): the vGPU is not there yet; start it (vgpu start \(vGPU.uuid))"))
  }

  private static func guests(
    _ path: String, _ answer: Result<BridgeListing, BridgeError>
  ) -> [ListedGuest] {
    switch answer {
    case .success(let listing):
      listing.vGPUs.map { vGPU in
        let target = Target.bridge(path: path, vGPU: vGPU.identifier)
        return ListedGuest(
          target, title: vGPU.name.isEmpty ? "\(vGPU.identifier)" : vGPU.name, .bridge, .running,
          place: "bridge, \(path)", .shown(by: BridgeScreen().title))
      }
    case .failure(let error):
      [
        ListedGuest(
          .bridge(path: path, vGPU: .only), title: path, .bridge, .unreachable, place: "bridge",
          .refused("\(error)"))
      ]
    }
  }
}

extension GuestSurvey.VGPU {
  /// Whether no process has it, as far as is known.
  fileprivate var isFree: Bool {
    switch facts.device {
    case .failure(.notHeld), .failure(.function(_, .notHeld)): users.isEmpty
    // It shows nothing to anybody, so nobody needed to look whether it is in use.
    case .failure(.function(_, .noDisplay)): users.isEmpty
    default: false
    }
  }
}

extension GuestFacts {
  /// What happens when the guest's screen is opened.
  fileprivate func opening(isRunning: Bool) -> ListedGuest.Opening {
    let choice = choice(among: Providers.screens)
    if let provider = choice.chosen { return .shown(by: provider.title) }
    let found = choice.passedOver.map(\.obstacle).filter { !$0.isOfTarget }
    if !isRunning, let reason = found.first(where: \.endsWithAStart) { return .waits("\(reason)") }
    // A vGPU is the better screen, so its obstacle says more than that of what QEMU draws.
    let hasVGPU = target.vGPU != nil || !vGPUs.isEmpty || !pciVGPUs.isEmpty
    let reason = hasVGPU ? found.first : choice.refusal
    return .refused(reason.map { "\($0)" } ?? "\(AttachmentError.noScreen("\(target)"))")
  }
}

extension Obstacle {
  /// Whether the obstacle goes when the guest starts.
  fileprivate var endsWithAStart: Bool {
    switch self {
    case .libvirt(.notRunning), .attachment(.libvirt(.notRunning)), .attachment(.notHeld),
      .attachment(.function(_, .notHeld)):
      true
    default: false
    }
  }
}

extension ListedGuest {
  /// Whether it comes before another one.
  fileprivate func place(inOrder other: ListedGuest) -> Bool {
    let ranks: [State] = [.running, .off, .notStarted, .unreachable]
    let (own, others) = (ranks.firstIndex(of: state) ?? 0, ranks.firstIndex(of: other.state) ?? 0)
    return (own, title, name) < (others, other.title, other.name)
  }
}
