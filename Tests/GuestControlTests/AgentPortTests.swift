// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TestSupport
import Testing

@testable import GuestControl

/// Where a guest's agent is, by QEMU's command line.
@Suite struct AgentPortTests {
  private static let device = "virtserialport,chardev=a,name=com.redhat.spice.0"

  private func port(_ device: String, _ characterDevice: String) -> AgentPort? {
    QEMUCommandLine(["qemu", "-device", device, "-chardev", characterDevice]).agentPort
  }

  @Test(
    arguments: [
      ("socket,id=a,path=/run/a,server=on,wait=off", .socket(path: "/run/a")),
      ("spicevmc,id=a,name=vdagent", .spice), ("qemu-vdagent,id=a,clipboard=on", .qemu),
      ("socket,id=a,fd=31,server=on,wait=off", .manager), ("pty,id=a", .other("pty")),
      // QEMU is the client there.
      ("socket,id=a,path=/run/a", .other("socket")), ("socket,id=b,path=/run/a,server=on", nil),
      (#"{"qom-type":"x","id":"a","backend":"spicevmc"}"#, .spice),
    ] as [(String, AgentPort?)])
  func portLeads(device: String, expected: AgentPort?) {
    #expect(port(Self.device, device) == expected)
  }

  @Test func otherPortsAreNotTheAgents() {
    let socket = "socket,id=a,path=/run/a,server=on"
    #expect(port("virtserialport,chardev=a,name=org.qemu.guest_agent.0", socket) == nil)
    #expect(port("isa-serial,chardev=a,name=com.redhat.spice.0", socket) == nil)
    #expect(port("virtserialport,name=com.redhat.spice.0", socket) == nil)
    #expect(
      port(
        #"{"driver":"virtserialport","chardev":"a","name":"com.redhat.spice.0"}"#, socket)
        == .socket(path: "/run/a"))
  }

  @Test func configurationFilesCount() {
    let file = """
      [device "port"]
        driver = "virtserialport"
        chardev = "a"
        name = "com.redhat.spice.0"
      [chardev "a"]
        backend = "socket"
        path = "/run/a"
        server = "on"
      """
    let line = QEMUCommandLine(["qemu", "-readconfig", "f"]) { _ in Array(file.utf8) }
    #expect(line.agentPort == .socket(path: "/run/a"))
  }
}
