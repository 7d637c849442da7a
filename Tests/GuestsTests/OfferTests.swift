// SPDX-License-Identifier: Apache-2.0

import Attachment
import Foundation
import GuestControl
import HostDevices
import Libvirt
import SystemPackage
import TestSupport
import Testing

@testable import Guests

extension GuestFacts {
  /// Who serves each function that is offered.
  var chosen: [GuestFunction: String] {
    Dictionary(
      uniqueKeysWithValues: offers.compactMap { offer in
        offer.provider.map { (offer.function, $0.id) }
      })
  }

  /// The better providers of a function, and why not.
  func why(_ function: GuestFunction) -> [String] {
    passedOver(function).map { "\($0.candidate.id): \($0.obstacle.code)" }
  }

  /// What a person is told of those that do not serve a function.
  func reasons(_ function: GuestFunction) -> [String] {
    passedOver(function).filter { !$0.obstacle.isOfTarget }.map { "\($0.obstacle)" }
  }

  private func passedOver(_ function: GuestFunction) -> [FunctionOffer.PassedOver] {
    offers.first { $0.function == function }?.passedOver ?? []
  }
}

/// What a guest offers, and who is chosen.
@Suite struct OfferTests {
  private static let uuid = "11111111-2222-3333-4444-555555555555"

  /// Without a look the target's text decides.
  @Test(arguments: [
    ("mdev:\(uuid)", nil, "vfio", "process"), ("pid:1", nil, "vfio", "process"),
    ("libvirt:win11", nil, "vfio", "libvirt"), ("bridge:/b", nil, "bridge", nil),
    ("demo", nil, "synthetic", nil), ("pid:1", "/q", "vfio", "named-socket"),
    ("libvirt:win11", "/q", "vfio", "named-socket"), ("bridge:/b", "/q", "bridge", "named-socket"),
  ])
  func targetsTextDecides(
    target: String, socket: String?, screen: String, control: String?
  ) throws {
    let facts = GuestFacts(try #require(Target(target)), namedSocket: socket)
    let chosen = facts.chosen
    #expect(chosen[.screen] == screen)
    for function in [GuestFunction.input, .power, .hotplug] { #expect(chosen[function] == control) }
    #expect(chosen[.bootScreen] == (control == nil ? nil : "screendump"))
    #expect(chosen[.size] == ["vfio": "edid", "bridge": "bridge"][screen])
  }

  @Test func everyBetterOneHasItsReason() throws {
    let facts = GuestFacts(try #require(Target("bridge:/b")), namedSocket: "/q")
    #expect(facts.why(.screen) == ["vfio: other-target"])
    #expect(facts.why(.input) == ["dbus: other-target"])
    let process = GuestFacts(.process(1))
    #expect(
      process.why(.input) == [
        "dbus: no-dbus-display", "named-socket: no-socket-named", "libvirt: other-target",
      ])
    #expect(
      GuestFacts(.demo).why(.power) == [
        "named-socket: no-socket-named", "libvirt: other-target", "process: other-target",
      ])
  }

  @Test(arguments: [
    ("demo", "demo: no QEMU runs it; name a guest"),
    ("bridge:/b", "bridge:/b: a bridge forwards no QMP commands to the guest; give --qmp"),
  ])
  func guestThatCannotBeToldSaysWhy(target: String, reason: String) throws {
    let guest = Guest(try #require(Target(target)))
    let obstacle = #expect(throws: Obstacle.self) { try guest.qmpEndpoint() }
    #expect(obstacle?.description == reason)
  }

  /// What is found counts: a device without a display, a QEMU without QMP.
  @Test func findingsCount() throws {
    var facts = GuestFacts(.process(7))
    facts.isLookedAt = true
    facts.device = .failure(.noDevice(pid: 7))
    facts.qmp = .failure(.noSocket(pid: 7))
    #expect(facts.chosen.isEmpty)
    #expect(
      facts.why(.screen) == [
        "vfio: device", "bridge: other-target", "machine-bridge: other-target", "dbus: qmp",
        "synthetic: other-target",
      ])
    #expect(facts.why(.bootScreen) == ["dbus: qmp", "screendump: no-qmp"])
    #expect(
      facts.why(.size) == [
        "edid: device", "bridge: other-target", "machine-bridge: other-target", "dbus: qmp",
        "agent: no-agent-port",
      ])
    let input = try #require(facts.offers.first { $0.function == .input })
    #expect(input.worthTelling.map(\.obstacle.code) == ["qmp"])
    #expect(
      input.worthTelling.map { "\($0.obstacle)" } == [
        "process 7 has no QMP socket: start QEMU with -qmp unix:PATH,server=on,wait=off"
      ])
  }

  /// libvirt passes commands on to the QEMU of a domain that runs, and there is no other.
  @Test(
    arguments: [
      (.running, true), (.paused, true), (.shuttingDown, true), (.suspended, true),
      (.other(9), true), (.shutOff, false), (.crashed, false),
    ] as [(LibvirtDomainState, Bool)])
  func domainThatDoesNotRunIsToldNothing(state: LibvirtDomainState, isRunning: Bool) throws {
    var facts = GuestFacts(try #require(Target("libvirt:system/win11")))
    facts.isLookedAt = true
    facts.domain = GuestFacts.Domain(
      name: "win11", uuid: Self.uuid, uri: "qemu:///system", state: state, devices: [])
    for function in [GuestFunction.input, .power, .hotplug] {
      #expect(facts.chosen[function] == (isRunning ? "libvirt" : nil))
    }
    #expect(facts.chosen[.bootScreen] == (isRunning ? "screendump" : nil))
    guard !isRunning else { return }
    #expect(
      facts.why(.power) == [
        "named-socket: no-socket-named", "libvirt: libvirt", "process: other-target",
      ])
    #expect(
      facts.reasons(.power) == [
        """
        libvirt:win11: the domain is not running; start it (virsh -c qemu:///system start "win11")
        """
      ])
    #expect(facts.why(.bootScreen) == ["dbus: no-dbus-display", "screendump: no-qmp"])
    // A socket that the user names is the user's matter.
    var named = GuestFacts(facts.target, namedSocket: "/q")
    named.domain = facts.domain
    #expect(named.chosen[.power] == "named-socket")
  }

  // MARK: Looks

  /// A socket that this user cannot connect to serves nothing, and its reason is told.
  @Test(.needs("qemu-system-x86_64"))
  func socketThatCannotBeConnectedToIsNotOffered() throws {
    let machine = try TestMachine()
    let named = try Guest(.process(machine.pid), qmpSocket: "/nowhere/qmp").look()
    #expect(named.chosen[.input] == nil)
    #expect(
      named.why(.input) == [
        "dbus: no-dbus-display", "named-socket: qmp", "libvirt: other-socket-named",
        "process: other-socket-named",
      ])
    let input = try #require(named.offers.first { $0.function == .input })
    #expect(
      input.worthTelling.map { "\($0.obstacle)" }.filter { !$0.contains("D-Bus") } == [
        """
        /nowhere/qmp: faccessat: No such file or directory; start QEMU with -qmp \
        unix:/nowhere/qmp,server=on,wait=off
        """
      ])
    #expect(try Guest(.process(machine.pid)).look().chosen[.power] == "process")
    try FileManager.default.removeItem(atPath: machine.path)
    let lost = try Guest(.process(machine.pid)).look()
    #expect(lost.chosen[.power] == nil && lost.chosen[.bootScreen] == nil)
    #expect(lost.why(.power).last == "process: qmp")
  }

  @Test func vGPUWithoutAGuest() throws {
    let tree = try SysfsTree()
    let path = "/sys/devices/pci0000:00/0000:00:02.0/\(Self.uuid)"
    try tree.link("/sys/bus/mdev/devices/\(Self.uuid)", to: path)
    try tree.folder("\(path)/../mdev_supported_types/i915-GVTg_V5_4")
    try tree.link(
      "\(path)/mdev_type",
      to: "/sys/devices/pci0000:00/0000:00:02.0/mdev_supported_types/i915-GVTg_V5_4")
    let host = HostHardware(root: FilePath(tree.root))
    let uuid = try #require(MdevUUID(Self.uuid))
    let facts = try Guest(.mdev(uuid), host: host).look()
    #expect(facts.kind == .vGPU)
    #expect(facts.vGPUs.map(\.uuid) == [uuid])
    #expect(facts.processes.isEmpty)
    #expect(facts.chosen.isEmpty)
    #expect(facts.why(.screen).first == "vfio: device")
    #expect(facts.why(.input).last == "process: device")
    let other = try #require(MdevUUID("22222222-2222-3333-4444-555555555555"))
    let error = #expect(throws: AttachmentError.self) { try Guest(.mdev(other), host: host).look() }
    #expect(error?.description.contains("no such vGPU; there is \(uuid)") == true)
  }

  @Test func processThatHasEnded() throws {
    let error = #expect(throws: AttachmentError.self) { try Guest(.process(1 << 22)).look() }
    #expect(error?.description == "pid:\(1 << 22): no such process")
  }

  /// QEMU serves one client of a socket: a look leaves it to others.
  @Test(.needs("qemu-system-x86_64"))
  func qemuIsLookedAtAndLeftAlone() async throws {
    let machine = try TestMachine(sockets: 2, ["-name", "guest=left-alone"])
    let connection = try await QMPEndpoint.socket(machine.path).connect()
    let facts = try Guest(.process(machine.pid)).look()
    #expect(facts.processes.map(\.pid) == [machine.pid])
    #expect(facts.processes.first?.program.hasPrefix("qemu-system") == true)
    let sockets = try #require(try facts.qmp?.get())
    #expect(sockets.guestName == "left-alone")
    #expect(sockets.paths == machine.paths.map { FileManager.default.resolved($0) })
    #expect(facts.chosen[.input] == "process")
    #expect(facts.chosen[.screen] == nil)
    // The one that somebody has, and the other.
    try await QMPEndpoint.socket(machine.paths[1]).connect().close()
    #expect(connection.failure == nil)
    await connection.close()
  }
}

extension FileManager {
  /// A path as the kernel has it, where a folder above it is a link.
  fileprivate func resolved(_ path: String) -> String {
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().resolvingSymlinksInPath().path
    return "\(folder)/\(url.lastPathComponent)"
  }
}
