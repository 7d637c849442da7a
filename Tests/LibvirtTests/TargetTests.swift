// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeProtocol
import HostDevices
import Testing

/// A domain or a bridge as a user names it.
@Suite struct TargetTests {
  private static let named: [(String, Target)] = [
    ("libvirt:win11", .libvirt(name: "win11", of: nil)),
    ("libvirt:a b:c", .libvirt(name: "a b:c", of: nil)),
    ("libvirt:session", .libvirt(name: "session", of: nil)),
    ("libvirt:session/win11", .libvirt(name: "win11", of: .session)),
    ("libvirt:system/win11", .libvirt(name: "win11", of: .system)),
  ]

  @Test(arguments: named)
  func domainsAreRead(text: String, target: Target) {
    #expect(Target(text) == target)
    #expect(target.description == text)
  }

  @Test(arguments: [
    ("bridge:/run/vgpu/bridge.sock", "/run/vgpu/bridge.sock", ""),
    ("bridge:b", "b", ""),
    (
      "bridge:/run/b/00112233-4455-6677-8899-aabbccddeeff", "/run/b",
      "00112233-4455-6677-8899-aabbccddeeff"
    ),
    ("bridge:/run/00112233", "/run/00112233", ""),
  ])
  func bridgesAreRead(text: String, path: String, vGPU: String) {
    let identifier = vGPU.isEmpty ? .only : VGPUIdentifier(vGPU)
    #expect(Target(text) == identifier.map { .bridge(path: path, vGPU: $0) })
    #expect(Target(text)?.description == text)
  }

  @Test(arguments: [
    ("pci:0000:03:02.1", "pci:0000:03:02.1"), ("pci:03:02.1", "pci:0000:03:02.1"),
    ("0000:03:02.1", "pci:0000:03:02.1"), ("03:02.1", "pci:0000:03:02.1"),
    ("pci:10000:E1:00.0", "pci:10000:e1:00.0"), ("10000:e1:00.0", "pci:10000:e1:00.0"),
  ])
  func functionsAreRead(text: String, spelled: String) throws {
    let target = try #require(Target(text))
    guard case .pci(let address) = target else {
      Issue.record("\(target)")
      return
    }
    #expect(target.vGPU == .pci(address))
    #expect(target.description == spelled)
    #expect(Target(.pci(address)) == target)
  }

  @Test(arguments: [
    "pci", "pci:", "pci:03:02", "pci:03:02.8", "pci:3:2.1", "pci:0000:03:20.1", "03:02",
    "0000:03:02",
    "pci:0000:03:02.1 ", "mdev:0000:03:02.1", "pci:11111111-2222-3333-4444-555555555555",
    "bridge", "bridge:", "bridge:/00112233-4455-6677-8899-aabbccddeeff", "bridge:/run/\u{1B}[2J",
    "libvirt", "libvirt:", "libvirt:/", "libvirt:session/", "libvirt:/a", "libvirt:other/a",
    "libvirt:session/a/b", "libvirt:a\nb", "Libvirt:a",
  ])
  func whatIsNeitherIsRefused(text: String) {
    #expect(Target(text) == nil)
  }
}
