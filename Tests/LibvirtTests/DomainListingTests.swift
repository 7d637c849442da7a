// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Libvirt

/// The list of all domains, on libvirt's driver for tests.
@Suite struct DomainListingTests {
  /// A file of libvirt's driver for tests: a domain that runs, and one that is off.
  private func withHost<Result>(_ body: (_ uri: String) throws -> Result) throws -> Result {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("libvirt-\(UUID()).xml").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    func domain(_ name: String, _ more: String) -> String {
      """
      <domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
        <name>\(name)</name><uuid>\(UUID())</uuid><memory>65536</memory><os><type>hvm</type></os>\(more)
      </domain>
      """
    }
    let off = domain("off", "<test:runstate>5</test:runstate>")
    try "<node>\(domain("on", ""))\(off)</node>"
      .write(toFile: path, atomically: true, encoding: .utf8)
    return try body("test://\(path)")
  }

  @Test func domainsAreListedWithTheirStates() throws {
    try withHost { uri in
      let listing = DomainListing(uri: uri)
      for _ in 0..<2 {
        let domains = try listing.domains()
        #expect(domains.map(\.name) == ["off", "on"])
        #expect(domains.map(\.state) == [.shutOff, .running])
        #expect(domains.allSatisfy { $0.uri == uri && $0.uuid.count == 36 })
      }
    }
  }

  @Test func domainIsStarted() throws {
    try withHost { uri in
      let listing = DomainListing(uri: uri)
      let off = try #require(try listing.domains().first)
      try listing.start(uuid: off.uuid)
      // The driver for tests makes each connection a host of its own: the one that started it is asked.
      #expect(try listing.domains().map(\.state) == [.running, .running])
    }
    let listing = DomainListing(uri: "test:///default")
    let running = try #require(try listing.domains().first { $0.name == "test" })
    let error = #expect(throws: LibvirtError.self) { try listing.start(uuid: running.uuid) }
    #expect(error?.description.hasPrefix("libvirt:test: virDomainCreate: ") == true)
    #expect(throws: LibvirtError.self) { try listing.start(uuid: "test") }
  }

  @Test func connectionThatDoesNotExistSaysSo() {
    #expect(throws: LibvirtError.self) { try DomainListing(uri: "test:///no/file").domains() }
  }
}
