// SPDX-License-Identifier: Apache-2.0

import Attachment
import Foundation
import GuestControl
import HostDevices
import SystemPackage
import TestSupport
import Testing

@testable import Guests

/// What a guest offers, and who is chosen.
@Suite struct OfferTests {
  private static let uuid = "11111111-2222-3333-4444-555555555555"

  private func chosen(_ facts: GuestFacts) -> [GuestFunction: String] {
    Dictionary(
      uniqueKeysWithValues: facts.offers.compactMap { offer in
        offer.provider.map { (offer.function, $0.id) }
      })
  }

  private func why(_ facts: GuestFacts, _ function: GuestFunction) -> [String] {
    facts.offers.first { $0.function == function }?.passedOver.map {
      "\($0.candidate.id): \($0.obstacle.code)"
    } ?? []
  }

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
    let chosen = chosen(facts)
    #expect(chosen[.screen] == screen)
    for function in [GuestFunction.input, .power, .hotplug] { #expect(chosen[function] == control) }
    #expect(chosen[.bootScreen] == (control == nil ? nil : "screendump"))
    #expect(chosen[.size] == ["vfio": "edid", "bridge": "bridge"][screen])
  }

  @Test func everyBetterOneHasItsReason() throws {
    let facts = GuestFacts(try #require(Target("bridge:/b")), namedSocket: "/q")
    #expect(why(facts, .screen) == ["vfio: other-target"])
    #expect(why(facts, .input) == [])
    let process = GuestFacts(.process(1))
    #expect(why(process, .input) == ["named-socket: no-socket-named", "libvirt: other-target"])
    #expect(
      why(GuestFacts(.demo), .power) == [
        "named-socket: no-socket-named", "libvirt: other-target", "process: other-target",
      ])
  }

  @Test(arguments: [
    ("demo", "demo: no QEMU runs it; name a guest"),
    ("bridge:/b", "bridge:/b: a bridge shows a guest, and tells it nothing; give --qmp"),
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
    #expect(chosen(facts).isEmpty)
    #expect(
      why(facts, .screen) == ["vfio: device", "bridge: other-target", "synthetic: other-target"])
    #expect(why(facts, .bootScreen) == ["screendump: no-qmp"])
    #expect(why(facts, .size) == ["edid: device", "bridge: other-target"])
    let input = try #require(facts.offers.first { $0.function == .input })
    #expect(input.worthTelling.map(\.obstacle.code) == ["qmp"])
    #expect(
      "\(input.worthTelling[0].obstacle)"
        == "process 7 has no QMP socket: start QEMU with -qmp unix:PATH,server=on,wait=off")
  }

  // MARK: Looks

  /// A socket that this user cannot connect to serves nothing, and its reason is told.
  @Test(.needs("qemu-system-x86_64"))
  func socketThatCannotBeConnectedToIsNotOffered() throws {
    let machine = try TestMachine()
    let named = try Guest(.process(machine.pid), qmpSocket: "/nowhere/qmp").look()
    #expect(chosen(named)[.input] == nil)
    #expect(
      why(named, .input) == [
        "named-socket: qmp", "libvirt: other-socket-named", "process: other-socket-named",
      ])
    let input = try #require(named.offers.first { $0.function == .input })
    #expect(
      input.worthTelling.map { "\($0.obstacle)" } == [
        """
        /nowhere/qmp: faccessat: No such file or directory; start QEMU with -qmp \
        unix:/nowhere/qmp,server=on,wait=off
        """
      ])
    #expect(chosen(try Guest(.process(machine.pid)).look())[.power] == "process")
    try FileManager.default.removeItem(atPath: machine.path)
    let lost = try Guest(.process(machine.pid)).look()
    #expect(chosen(lost)[.power] == nil && chosen(lost)[.bootScreen] == nil)
    #expect(why(lost, .power).last == "process: qmp")
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
    #expect(chosen(facts).isEmpty)
    #expect(why(facts, .screen).first == "vfio: device")
    #expect(why(facts, .input).last == "process: device")
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
    #expect(chosen(facts)[.input] == "process")
    #expect(chosen(facts)[.screen] == nil)
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
