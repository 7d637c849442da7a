// SPDX-License-Identifier: Apache-2.0

import Attachment
import GuestControl
import HostDevices
import Libvirt
import LinuxSystem
import TestSupport
import Testing

@testable import Guests

/// Who has a guest's sound, and why nobody.
@Suite struct SoundOfferTests {
  private func facts(_ display: String) throws -> GuestFacts {
    let machine = try TestMachine(nil, ["-display", display, "-audiodev", "dbus,id=sound0"])
    let guest = Guest(.process(machine.pid))
    return try guest.look()
  }

  @Test(.needs("qemu-system-x86_64")) func theDisplayHasSoundOrNot() throws {
    let heard = try facts("dbus,p2p=yes,audiodev=sound0")
    #expect(heard.chosen[.sound] == "dbus" && heard.chosen[.microphone] == "dbus")
    let silent = try facts("dbus,p2p=yes")
    #expect(silent.chosen[.sound] == nil && silent.why(.sound) == ["dbus: no-display-sound"])
    #expect(silent.reasons(.sound).first?.contains("-audiodev dbus") == true)
  }

  @Test func targetsWithoutSound() throws {
    for target in ["demo", "bridge:/b"] {
      let facts = GuestFacts(try #require(Target(target)))
      #expect(facts.chosen[.sound] == nil && facts.why(.sound) == ["dbus: other-target"])
    }
    #expect(GuestFacts(try #require(Target("qmp:/q"))).chosen[.sound] == "dbus")
  }

  @Test func domains() throws {
    var facts = GuestFacts(try #require(Target("libvirt:system/win11")))
    facts.isLookedAt = true
    facts.domain = GuestFacts.Domain(
      name: "win11", uuid: "11111111-2222-3333-4444-555555555555", uri: "qemu:///system",
      state: .running, devices: [])
    facts.domain?.displayIndex = 0
    #expect(facts.why(.sound) == ["dbus: no-display-sound"])
    facts.domain?.displayHasSound = true
    #expect(facts.chosen[.microphone] == "dbus")
  }
}
