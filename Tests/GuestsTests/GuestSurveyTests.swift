// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeClient
import BridgeProtocol
import Foundation
import GuestControl
import HostDevices
import Libvirt
import TestSupport
import Testing

@testable import Guests

/// What is one guest, and what its entry in the list says.
@Suite struct GuestSurveyTests {
  private static let uuid = "11111111-2222-3333-4444-555555555555"
  private static let domainUUID = "c2177883-f1bb-47f0-914d-32a22e3a8804"
  private static let system = "qemu:///system"

  /// - Parameter users: the processes that have it.
  private func vGPU(_ uuid: String = uuid, users: [Int32] = []) throws -> GuestSurvey.VGPU {
    let uuid = try #require(MdevUUID(uuid))
    var facts = GuestFacts(.mdev(uuid))
    facts.isLookedAt = true
    facts.vGPUs = [MdevDevice(uuid: uuid, type: "i915-GVTg_V5_4")]
    // Nobody here may look into other processes.
    facts.device = .failure(
      users.first.map { .noRights(pid: $0, .otherUser("libvirt-qemu", ptraceScope: 1)) }
        ?? .notHeld(uuid))
    return GuestSurvey.VGPU(
      name: .mdev(uuid), label: "i915-GVTg_V5_4 on 0000:00:02.0", users: users, facts: facts)
  }

  private func process(
    _ pid: Int32, name: String? = nil, domain: String? = nil
  ) -> GuestSurvey.Process {
    var facts = GuestFacts(.process(pid))
    facts.isLookedAt = true
    facts.device = .failure(.noDevice(pid: pid))
    facts.qmp = .failure(.noSocket(pid: pid))
    return GuestSurvey.Process(
      pid: pid, program: "qemu-system-x86", user: "root", guestName: name, domain: domain,
      facts: facts)
  }

  private func domain(
    _ name: String = "win11", uuid: String = domainUUID, state: LibvirtDomainState = .running,
    devices: [AssignedDevice] = [], displayIndex: UInt32? = nil
  ) -> ListedDomain {
    ListedDomain(
      name: name, uuid: uuid, uri: Self.system, state: state, devices: devices,
      displayIndex: displayIndex)
  }

  private func guests(
    vGPUs: [GuestSurvey.VGPU] = [], processes: [GuestSurvey.Process] = [],
    domains: [ListedDomain] = []
  ) -> [ListedGuest] {
    var survey = GuestSurvey()
    survey.vGPUs = vGPUs
    survey.processes = processes
    survey.domains = [(Self.system, .success(domains))]
    return survey.guests
  }

  // MARK: One guest, one entry

  @Test func domainItsProcessAndItsVGPUAreOne() throws {
    let vGPU = try vGPU(users: [7])
    let list = guests(
      vGPUs: [vGPU], processes: [process(7, name: "win11", domain: Self.domainUUID)],
      domains: [domain(devices: [vGPU.name])])
    #expect(list.map { "\($0.target.map { "\($0)" } ?? "-")" } == ["libvirt:system/win11"])
    #expect(list.first?.state == .running)
    #expect(list.first?.title == "win11")
    // The vGPU's own error says more than that QEMU draws nothing.
    guard case .refused(let reason)? = list.first?.opening else {
      Issue.record("\(list)")
      return
    }
    #expect(reason.contains("libvirt-qemu"))
  }

  /// Who may not look into the process opens it by the machine's bridge, and it is listed once.
  @Test func vGPUThatTheMachinesBridgeShowsIsOne() throws {
    let vGPU = try vGPU(users: [7])
    guard case .mdev(let uuid) = vGPU.name else { return #expect(Bool(false)) }
    let path = MachineBridge(of: HostHardware()).path
    var survey = GuestSurvey()
    survey.vGPUs = [vGPU]
    let other = try #require(MdevUUID(Self.domainUUID))
    survey.bridges = [(path, .success(.listing([uuid, other])))]
    #expect(
      survey.guests.map { $0.target.map { "\($0)" } } == [
        "mdev:\(uuid)", "bridge:\(path)/\(other)",
      ])
    #expect(survey.guests.first?.opening == .shown(by: MachineBridgeScreen().title))
    survey.bridges = [("/another", .success(.listing([uuid])))]
    guard case .refused? = survey.guests.first?.opening else { return #expect(Bool(false)) }
    #expect(survey.guests.count == 2)
  }

  /// Who has the vGPU is known from the kernel, whatever the process calls itself.
  @Test func processWithoutADomainsUUIDIsTheDomainsByItsVGPU() throws {
    let vGPU = try vGPU(users: [7])
    let list = guests(
      vGPUs: [vGPU], processes: [process(7, name: "other")],
      domains: [domain(devices: [vGPU.name])])
    #expect(list.map(\.title) == ["win11"])
  }

  /// QEMU draws the screen of a guest without a vGPU, and libvirt gave it the domain's UUID.
  @Test func domainWithoutAVGPUIsOneWithItsProcess() {
    let list = guests(
      processes: [process(7, name: "win11", domain: Self.domainUUID)],
      domains: [domain(displayIndex: 0)])
    #expect(list.map(\.title) == ["win11"])
    #expect(list.first?.opening == .shown(by: "QEMU's display on D-Bus"))
  }

  /// The same name means nothing, and of two that claim a domain's UUID nobody knows which one lies.
  @Test func namesAndDoubtfulClaimsMergeNothing() {
    let named = guests(processes: [process(7, name: "win11")], domains: [domain()])
    #expect(Set(named.map(\.kind)) == [.domain, .process])
    let claims = [7, 8].map { process($0, domain: Self.domainUUID) }
    #expect(guests(processes: claims, domains: [domain()]).count == 3)
    // A domain that is off has no process.
    let off = guests(
      processes: [process(7, domain: Self.domainUUID)],
      domains: [domain(state: .shutOff, displayIndex: 0)])
    #expect(off.map(\.kind) == [.process, .domain])
  }

  @Test func vGPUAndItsProcessAreOne() throws {
    let list = guests(vGPUs: [try vGPU(users: [7, 9])], processes: [process(7, name: "debian")])
    #expect(list.map(\.title) == ["debian"])
    #expect(list.first?.target.map { "\($0)" } == "mdev:\(Self.uuid)")
    #expect(list.first?.state == .running)
  }

  /// While a domain is off, its vGPU may be another guest's.
  @Test func vGPUOfAnotherGuestIsNotTheDomainsThatIsOff() throws {
    let taken = try vGPU(users: [7])
    let list = guests(
      vGPUs: [taken], processes: [process(7, name: "debian")],
      domains: [domain(state: .shutOff, devices: [taken.name])])
    #expect(list.map(\.title) == ["debian", "win11"])
    let free = try vGPU()
    let own = guests(vGPUs: [free], domains: [domain(state: .shutOff, devices: [free.name])])
    #expect(own.map(\.title) == ["win11"])
  }

  // MARK: What an entry says

  @Test func domainThatIsOffIsStartedOrWaitedFor() throws {
    let free = try vGPU()
    let list = guests(vGPUs: [free], domains: [domain(state: .shutOff, devices: [free.name])])
    let guest = try #require(list.first)
    #expect(guest.state == .off)
    #expect(guest.startable == .init(uri: Self.system, uuid: Self.domainUUID))
    guard case .waits(let reason) = guest.opening else {
      Issue.record("\(guest.opening)")
      return
    }
    #expect(reason.contains("the domain is not running"))
    #expect(guests(domains: [domain()]).first?.startable == nil)
  }

  @Test func domainWithoutAScreenSaysWhatItNeeds() throws {
    for state in [LibvirtDomainState.running, .shutOff] {
      guard case .refused(let reason)? = guests(domains: [domain(state: state)]).first?.opening
      else {
        Issue.record("\(state)")
        continue
      }
      #expect(reason.contains("<graphics type='dbus' p2p='yes'/>"))
    }
  }

  @Test func vGPUWithoutAGuestIsWaitedFor() throws {
    let guest = try #require(guests(vGPUs: [try vGPU()]).first)
    #expect(guest.state == .off && guest.title == Self.uuid && guest.startable == nil)
    guard case .waits = guest.opening else {
      Issue.record("\(guest.opening)")
      return
    }
  }

  @Test func vGPUThatIsNotMadeYetSaysHow() throws {
    var survey = GuestSurvey()
    survey.stopped = [.init(uuid: try #require(MdevUUID(Self.uuid)), label: "type on parent")]
    let guest = try #require(survey.guests.first)
    #expect(guest.state == .notStarted)
    #expect(
      guest.opening
        == .refused("\(Self.uuid): the vGPU is not there yet; start it (vgpu start \(Self.uuid))"))
    // A domain that waits for it is the same guest.
    survey.domains = [
      (Self.system, .success([domain(state: .shutOff, devices: [.mdev(survey.stopped[0].uuid)])]))
    ]
    #expect(survey.guests.map(\.kind) == [.domain])
  }

  @Test func whoDoesNotAnswerIsListed() {
    var survey = GuestSurvey()
    survey.bridges = [("/run/b", .failure(.silent(path: "/run/b")))]
    survey.domains = [
      (Self.system, .failure(.malformed(object: Self.system, reason: "no libvirt")))
    ]
    #expect(survey.guests.map(\.state) == [.unreachable, .unreachable])
    #expect(
      survey.guests.map(\.opening) == [
        .refused("bridge:/run/b: the bridge does not answer: see whether its process is stopped"),
        .refused("qemu:///system: no libvirt"),
      ])
    // A machine without libvirt lacks nothing.
    survey.domains = [(Self.system, .failure(.notInstalled(reason: "")))]
    #expect(survey.guests.count == 1)
  }

  // MARK: Texts of others

  @Test func namesOfOthersAreMadeSafe() throws {
    let name = "ev\u{202E}il\n\u{1B}[31m\u{200B}"
    let list = guests(
      processes: [process(7, name: name)], domains: [domain(name, displayIndex: 0)])
    #expect(list.count == 2)
    for guest in list { #expect(guest.title == "ev\u{FFFD}il \u{FFFD}[31m\u{FFFD}") }
    // What cannot be written on a command line goes by its UUID.
    let target = try #require(list.first { $0.kind == .domain }?.target)
    #expect("\(target)" == "libvirt:system/\(Self.domainUUID)")
    let long = guests(processes: [process(7, name: String(repeating: "x", count: 100_000))])
    #expect(long.first.map { $0.title.count < 300 } == true)
  }

  /// A name stays the guest's when what it says changes.
  @Test func entryKeepsItsNameWhenItStarts() throws {
    let off = guests(domains: [domain(state: .shutOff, displayIndex: 0)])
    let runs = guests(domains: [domain(displayIndex: 0)])
    #expect(off.map(\.name) == runs.map(\.name))
  }

  // MARK: Looks

  /// A real QEMU, a real libvirt (its driver for tests), no bridge.
  @Test(.needs("qemu-system-x86_64"))
  func runningQEMUIsFoundAndLeftAlone() throws {
    let machine = try TestMachine(sockets: 1, ["-name", "guest=in-the-list"])
    var survey = GuestSurvey()
    survey.look(on: HostHardware())
    let guest = try #require(survey.guests.first { $0.target == .process(machine.pid) })
    #expect(guest.title == "in-the-list" && guest.state == .running)
    guard case .refused(let reason) = guest.opening else {
      Issue.record("\(guest.opening)")
      return
    }
    #expect(reason.contains("-display dbus,p2p=yes"))
    machine.kill()
    survey.look(on: HostHardware())
    #expect(!survey.guests.contains { $0.target == .process(machine.pid) })
  }
}

extension BridgeListing {
  /// A bridge that shows these.
  fileprivate static func listing(_ vGPUs: [MdevUUID]) -> BridgeListing {
    BridgeListing(
      vGPUs: vGPUs.enumerated().map { index, uuid in
        ListedVGPU(
          index: UInt32(index), count: UInt32(vGPUs.count), identifier: uuid, viewers: 0,
          canResize: false, looks: 0, polls: 0, flips: 0, buffers: 0, name: "guest \(index)")
      }, counters: BridgeCounters())
  }
}
