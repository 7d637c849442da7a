// SPDX-License-Identifier: Apache-2.0

import Attachment
import Foundation
import GuestAgent
import GuestControl
import Libvirt
import LinuxSystem
import TestSupport
import Testing

@testable import Guests

/// Who has a guest's clipboard and files, and why not.
@Suite struct AgentOfferTests {
  private func domain(
    _ kind: String?, path: String? = "/dev/null", _ state: LibvirtDomainState = .running
  ) throws -> GuestFacts {
    var facts = GuestFacts(try #require(Target("libvirt:system/win11")))
    facts.isLookedAt = true
    facts.domain = GuestFacts.Domain(
      name: "win11", uuid: "11111111-2222-3333-4444-555555555555", uri: "qemu:///system",
      state: state, devices: [], agentChannel: kind.map { LibvirtChannel(kind: $0, path: path) })
    return facts
  }

  @Test func domainsChannelDecides() throws {
    for function in [GuestFunction.clipboard, .files] {
      #expect(try domain("unix").chosen[function] == "libvirt-agent")
      #expect(try domain("unix", .shutOff).chosen[function] == nil)
      #expect(try domain("unix", path: nil).chosen[function] == nil)
      #expect(try domain("unix", path: "/none").why(function)[1] == "libvirt-agent: agent")
      for (channel, code) in [
        (nil, "no-agent-port"), ("spicevmc", "agent-of-spice"), ("pty", "agent-elsewhere"),
      ] as [(String?, String)] {
        #expect(
          try domain(channel).why(function) == [
            "named-agent: no-agent-named", "libvirt-agent: \(code)", "process-agent: other-target",
          ])
      }
    }
    let reason = try #require(try domain("spicevmc").reasons(.clipboard).first)
    #expect(reason.contains("use a SPICE client") && reason.contains("<channel type='unix'>"))
  }

  @Test func targetsTextDecidesWithoutALook() throws {
    func chosen(_ target: String, agent: String? = nil) throws -> String? {
      GuestFacts(try #require(Target(target)), namedAgent: agent).chosen[.files]
    }
    #expect(try chosen("pid:1") == "process-agent")
    #expect(try chosen("libvirt:a") == "libvirt-agent")
    for target in ["demo", "bridge:/b", "qmp:/q"] {
      #expect(try chosen(target) == nil)
      #expect(try chosen(target, agent: "/a") == "named-agent")
    }
  }

  private func guest(_ device: [String]) throws -> TestMachine {
    try TestMachine(
      nil,
      ["-device", "virtio-serial-pci"] + device
        + ["-device", "virtserialport,chardev=agent,name=com.redhat.spice.0"])
  }

  /// A real QEMU: its socket is found, served by that process, and left alone by a look.
  @Test(.needs("qemu-system-x86_64")) func socketOfARealQEMUIsFound() throws {
    let path = "/tmp/agent-\(UUID().uuidString.prefix(8))"
    let machine = try guest(["-chardev", "socket,id=agent,path=\(path),server=on,wait=off"])
    let guest = Guest(.process(machine.pid))
    let facts = try guest.look()
    #expect(facts.chosen[.clipboard] == "process-agent" && facts.chosen[.files] == "process-agent")
    let socket = try guest.agentConnector(facts).connect()
    #expect(socket.rawValue >= 0)
    try FileManager.default.removeItem(atPath: path)
    #expect(try guest.look().why(.files).last == "process-agent: agent")
  }

  @Test(.needs("qemu-system-x86_64")) func guestWithoutAPortSaysHowToGetOne() throws {
    let machine = try TestMachine()
    let facts = try Guest(.process(machine.pid)).look()
    #expect(facts.why(.clipboard).last == "process-agent: no-agent-port")
    let reason = try #require(facts.reasons(.clipboard).first)
    #expect(reason.contains("virtserialport,chardev=agent,name=com.redhat.spice.0"))
  }

  /// A command line that names another guest's socket.
  @Test(.needs("qemu-system-x86_64")) func anotherGuestsSocketIsRefused() throws {
    let path = "/tmp/agent-\(UUID().uuidString.prefix(8))"
    let machine = try guest(["-chardev", "socket,id=agent,path=\(path),server=on,wait=off"])
    defer { withExtendedLifetime(machine) {} }
    let impostor = Process()
    impostor.executableURL = URL(fileURLWithPath: "/bin/sh")
    impostor.arguments = [
      "-c", "read line", "-device", "virtserialport,chardev=agent,name=com.redhat.spice.0",
      "-chardev", "socket,id=agent,path=\(path),server=on,wait=off",
    ]
    impostor.standardInput = Pipe()
    try impostor.run()
    defer { impostor.terminate() }
    let guest = Guest(.process(impostor.processIdentifier))
    let error = #expect(throws: (any Error).self) {
      _ = try guest.agentConnector(try guest.look()).connect()
    }
    let words = "\(error as Any)"
    #expect(words.contains("names it, but process \(machine.pid) serves it"))
  }
}
