// SPDX-License-Identifier: Apache-2.0

import HostDevices
import TestSupport
import Testing

@testable import Libvirt

/// Reading a domain's XML. What libvirt itself writes is read in `DomainTests`.
@Suite struct XMLTests {
  private static let uuid = "c2177883-f1bb-47f0-914d-32a22e3a8804"
  private static let good = """
    <?xml version='1.0'?>
    <!-- a -- comment <domain> -->
    <domain type='kvm' id='1'>
      <name>a&amp;b &#x41;&#66;</name>
      <metadata><app:x xmlns:app="urn:a"><![CDATA[</domain><hostdev type='mdev'>]]></app:x></metadata>
      <devices>
        <hostdev mode='subsystem' type='pci'><source><address uuid='none'/></source></hostdev>
        <hostdev mode="subsystem" type = 'm&#100;ev' managed='no' >
          <source><address uuid='\(uuid.uppercased())'/></source>
          <address type='pci' uuid='not this one'/>
        </hostdev>
      </devices>
    </domain>
    """

  private func mdevs(_ text: String) throws -> [String] {
    try DomainXML(Array(text.utf8)).devices.compactMap { device in
      if case .mdev(let uuid) = device { "\(uuid)" } else { nil }
    }
  }

  @Test func channelsAreFoundByTheirNames() throws {
    let text = """
      <domain><metadata><channel type='unix'><target type='virtio' name='m'/></channel></metadata>
      <devices>
        <channel type='unix'><source mode='bind' path='/run/a'/><target type='virtio' name='a'/></channel>
        <channel type='spicevmc'><target type='virtio' name='b'/></channel>
        <channel type='unix'><target type='virtio' name='c'/></channel>
        <channel type='unix'><source mode='connect' path='/run/d'/><target type='virtio' name='d'/></channel>
        <channel type='pty'><source path='/dev/pts/1'/><target type='guestfwd' name='e'/></channel>
      </devices></domain>
      """
    let unix = LibvirtChannel(kind: "unix")
    #expect(
      try DomainXML(Array(text.utf8)).channels == [
        "a": LibvirtChannel(kind: "unix", path: "/run/a"), "b": LibvirtChannel(kind: "spicevmc"),
        "c": unix, "d": unix,
      ])
  }

  @Test func mdevsAreFoundWhereTheyBelong() throws {
    #expect(try mdevs(Self.good) == [Self.uuid])
    #expect(try mdevs("<domain/>\n") == [])
  }

  @Test(arguments: [
    "", " ", "text", "<", "<domain", "<domain>", "<domain/><domain/>", "</domain>", "<network/>",
    "<domain></devices>", "<domain><a></domain></a>", "<domain a/>", "<domain a=b/>",
    "<domain a='1'b='2'/>", "<domain a='1' a='2'/>", "<domain a='<'/>", "<domain a='&'/>",
    "<domain a='&nbsp;'/>", "<domain a='&#xD800;'/>", "<domain a='&#0;'/>", "<domain a='&#+65;'/>",
    "<domain a='&#x110000;'/>", "<domain a='&#99999999999;'/>", "<domain>text", "<domain/>text",
    "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain/>", "<!-- <domain/>", "<?xml <domain/>",
    "<domain><![CDATA[ </domain>", "<![CDATA[x]]><domain/>", "<1/>", "< domain/>",
  ])
  func whatIsNotWellFormedIsAnError(text: String) {
    #expect(throws: XMLScanner.Defect.self) { try mdevs(text) }
  }

  /// As people hand a vGPU to QEMU past libvirt (patmagauran/i915ovmfPkg #13, intel/gvt-linux #81),
  /// whichever name the namespace has.
  @Test(arguments: ["qemu", "q"]) func devicesOfQEMUsOwnArguments(prefix: String) throws {
    let domain = """
      <domain type='kvm' xmlns:\(prefix)='http://libvirt.org/schemas/domain/qemu/1.0'>
        <devices><hostdev mode='subsystem' type='pci' managed='yes'><source>
          <address domain='0x0000' bus='0x01' slot='0x00' function='0x1'/>
        </source></hostdev></devices>
        <\(prefix):commandline>
          <\(prefix):arg value='-device'/>
          <\(prefix):arg value='vfio-pci,sysfsdev=/sys/bus/mdev/devices/\(Self.uuid),display=on'/>
          <\(prefix):env name='A' value='-device'/>
        </\(prefix):commandline>
      </domain>
      """
    let uuid = try #require(MdevUUID(Self.uuid))
    let function = try #require(PCIAddress("01:00.1"))
    #expect(try DomainXML(Array(domain.utf8)).devices == [.pci(function), .mdev(uuid)])
    // Without the namespace they are elements that libvirt does not know.
    let unknown = domain.replacing("xmlns:\(prefix)", with: "xmlns:other")
    #expect(try DomainXML(Array(unknown.utf8)).devices == [.pci(function)])
  }

  /// A virtual function, as NVIDIA's vGPUs are since Linux 6.8 (NVIDIA/gpu-operator #2594).
  @Test func functionsAreFound() throws {
    func devices(_ address: String) throws -> [AssignedDevice] {
      let hostdev = "<hostdev mode='subsystem' type='pci'><source>\(address)</source></hostdev>"
      return try DomainXML(Array("<domain><devices>\(hostdev)</devices></domain>".utf8)).devices
    }
    let function = try #require(PCIAddress("0000:41:00.4"))
    for address in [
      "<address domain='0x0000' bus='0x41' slot='0x00' function='0x4'/>",
      "<address bus='65' slot='0' function='4'/>",
    ] {
      #expect(try devices(address) == [.pci(function)])
    }
    for address in [
      "", "<address/>", "<address bus='0x41' slot='0x20' function='0'/>",
      "<address bus='0x100' slot='0' function='0'/>", "<address bus='-1' slot='0' function='0'/>",
      "<address domain='0x' bus='1' slot='0' function='0'/>",
    ] {
      #expect(try devices(address) == [])
    }
  }

  @Test func mdevWithoutAUUIDIsAnError() {
    let hostdev = "<hostdev type='mdev'><source><address uuid='x\n'/></source></hostdev>"
    let defect = #expect(throws: XMLScanner.Defect.self) {
      try mdevs("<domain><devices>\(hostdev)</devices></domain>")
    }
    #expect(defect?.reason == "'x ', no mdev's UUID")
  }

  @Test func depthIsBounded() {
    let deep = String(repeating: "<domain>", count: 257)
    let defect = #expect(throws: XMLScanner.Defect.self) { try mdevs(deep) }
    #expect(defect?.reason.contains("levels") == true)
  }

  @Test func noUTF8IsAnError() {
    #expect(throws: XMLScanner.Defect.self) {
      try DomainXML(Array("<domain a='".utf8) + [0xFF] + Array("'/>".utf8))
    }
  }

  /// Whatever comes, it is read or refused: it never traps, and a cut document is always refused.
  @Test func damagedDocumentsNeverTrap() {
    var generator = SeededGenerator(seed: 7)
    let good = Array(Self.good.utf8)
    for length in 0..<good.count {
      #expect(throws: XMLScanner.Defect.self) { try DomainXML(Array(good[..<length])) }
    }
    let alphabet = Array("<>/'\"&;#x! -[]?=a1\n".utf8) + [0, 0x80, 0xFF]
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes.remove(at: index)
        case 1: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: index)
        default: bytes[index] = alphabet.randomElement(using: &generator) ?? 0
        }
      }
      _ = try? DomainXML(bytes)
    }
  }
}
