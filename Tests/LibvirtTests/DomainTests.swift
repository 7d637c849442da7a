// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import Testing

@testable import Libvirt

/// On libvirt's driver for tests, which needs no daemon: the library's answers and errors are real.
@Suite struct DomainTests {
  /// Has one domain, `test`, which runs.
  private static let standard = "test:///default"

  private static let uuids = [
    "c2177883-f1bb-47f0-914d-32a22e3a8804", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
  ]

  /// libvirt's test driver on a host of our own: a running and a stopped domain.
  ///
  /// - Parameter hostdevs: what the running one has.
  private func withHost<Result>(
    hostdevs: String, _ body: (_ uri: String) throws -> Result
  ) throws -> Result {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("libvirt-\(UUID()).xml").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let running = """
      <domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
        <name>with &amp; mdevs</name><uuid>\(Self.uuids[1])</uuid>
        <metadata><x:hostdev xmlns:x='urn:x' type='mdev'>&lt;address uuid='no'/&gt;</x:hostdev>
        </metadata>
        <memory>65536</memory><os><type>hvm</type></os><devices>\(hostdevs)</devices>
      </domain>
      """
    let stopped = """
      <domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
        <name>stopped</name><memory>65536</memory><os><type>hvm</type></os>
        <test:runstate>5</test:runstate>
      </domain>
      """
    try "<node>\(running)\(stopped)</node>".write(toFile: path, atomically: true, encoding: .utf8)
    return try body("test://\(path)")
  }

  private func hostdev(_ type: String, _ address: String) -> String {
    """
    <hostdev mode='subsystem' type='\(type)' managed='no'\
    \(type == "mdev" ? " model='vfio-pci' display='off'" : "")>\
    <source><address \(address)/></source></hostdev>
    """
  }

  @Test func domainIsFoundByNameAndByUUID() throws {
    let domain = try LibvirtDomain.open(name: "test", uri: Self.standard)
    #expect(domain.name == "test")
    #expect(domain.uri == Self.standard)
    #expect(MdevUUID(domain.uuid) != nil)
    #expect(try domain.isRunning())
    #expect(try domain.state() == .running)
    #expect(try domain.mdevs().isEmpty)
    let same = try LibvirtDomain.open(name: domain.uuid, uri: Self.standard)
    #expect(same.name == "test")
  }

  @Test func mdevsComeInTheirOrder() throws {
    let hostdevs =
      hostdev("mdev", "uuid='\(Self.uuids[0])'")
      + hostdev("pci", "domain='0' bus='1' slot='2' function='0'")
      + hostdev("mdev", "uuid='\(Self.uuids[1])'")
    try withHost(hostdevs: hostdevs) { uri in
      let domain = try LibvirtDomain.open(name: "with & mdevs", uri: uri)
      #expect(domain.uuid == Self.uuids[1])
      #expect(try domain.mdevs().map(\.description) == Self.uuids)
    }
  }

  @Test func stoppedDomainSaysSo() throws {
    try withHost(hostdevs: "") { uri in
      let domain = try LibvirtDomain.open(name: "stopped", uri: uri)
      #expect(try !domain.isRunning())
      #expect(try domain.state() == .shutOff)
    }
  }

  @Test func wrongNameListsTheRightOnes() throws {
    try withHost(hostdevs: "") { uri in
      let error = #expect(throws: LibvirtError.self) {
        try LibvirtDomain.open(name: "tset\u{1B}", uri: uri)
      }
      #expect(
        error?.description
          == "libvirt:tset\u{FFFD}: no such domain; \(uri) has stopped, with & mdevs")
    }
  }

  @Test(arguments: ["", "a\0b"])
  func nameThatIsNone(name: String) {
    let error = #expect(throws: LibvirtError.self) {
      try LibvirtDomain.open(name: name, uri: Self.standard)
    }
    #expect("\(String(describing: error))".contains("NAME"))
  }

  @Test func connectionThatFailsSaysWhy() {
    let missing = #expect(throws: LibvirtError.self) {
      try LibvirtDomain.open(
        name: "test", uri: "qemu+unix:///system?socket=/nonexistent/libvirt-sock")
    }
    guard case .daemonNotRunning = missing else {
      Issue.record("\(String(describing: missing))")
      return
    }
    #expect(missing?.description.contains("systemctl start") == true)
    let unknown = #expect(throws: LibvirtError.self) {
      try LibvirtDomain.open(name: "test", uri: "test:///nonexistent")
    }
    guard case .failed = unknown else {
      Issue.record("\(String(describing: unknown))")
      return
    }
    #expect(unknown?.description.contains("test:///nonexistent: virConnectOpen: ") == true)
  }

  @Test func monitorOfADomainWithoutQEMUIsRefused() throws {
    let domain = try LibvirtDomain.open(name: "test", uri: Self.standard)
    let error = #expect(throws: LibvirtError.self) {
      try domain.execute(Array(#"{"execute":"query-status"}"#.utf8))
    }
    guard case .failed = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(throws: LibvirtError.self) { try domain.execute([0x7B, 0, 0x7D]) }
  }

  /// An error belongs to the thread that made it.
  @Test func manyThreadsAtOnce() async throws {
    let domain = try LibvirtDomain.open(name: "test", uri: Self.standard)
    await withTaskGroup(of: Void.self) { group in
      for index in 0..<8 {
        group.addTask {
          for _ in 0..<50 {
            #expect((try? domain.isRunning()) == true)
            let error = #expect(throws: LibvirtError.self) {
              try LibvirtDomain.open(name: "no\(index)", uri: Self.standard)
            }
            #expect("\(String(describing: error))".contains("no\(index)"))
          }
        }
      }
    }
  }

  @Test(arguments: [
    ("qemu:///session", true), ("qemu+unix:///system?socket=/run/x", true),
    ("test:///default", true),
    ("qemu+ssh://host/system", false), ("qemu://10.0.0.1/system", false), ("", false),
  ])
  func whereTheGuestsAre(uri: String, isLocal: Bool) {
    #expect(LibvirtURI.isLocal(uri) == isLocal)
  }
}
