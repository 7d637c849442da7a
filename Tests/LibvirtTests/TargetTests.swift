// SPDX-License-Identifier: Apache-2.0

import Attachment
import Testing

/// A domain as a user names it.
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
    "libvirt", "libvirt:", "libvirt:/", "libvirt:session/", "libvirt:/a", "libvirt:other/a",
    "libvirt:session/a/b", "libvirt:a\nb", "Libvirt:a",
  ])
  func whatIsNoDomainIsRefused(text: String) {
    #expect(Target(text) == nil)
  }
}
