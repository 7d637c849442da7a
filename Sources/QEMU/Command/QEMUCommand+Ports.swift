// SPDX-License-Identifier: Apache-2.0

/// The ports of the agents in the guest: each agent opens its own by its name.
extension GuestConfiguration {
  /// The name of the port at which qemu-guest-agent listens.
  static let guestAgentPort = "org.qemu.guest_agent.0"

  /// A port: its name in the guest, and the name and the socket of its host's end.
  private struct Port {
    let name: String
    let id: String
    let socket: String
  }

  private var ports: [Port] {
    var ports: [Port] = []
    if hasAgentPort, let agentSocket {
      ports.append(Port(name: Self.agentPortName, id: "agent", socket: agentSocket))
    }
    if hasGuestAgent, let guestAgentSocket {
      ports.append(Port(name: Self.guestAgentPort, id: "guestagent", socket: guestAgentSocket))
    }
    return ports
  }

  /// The options for the ports, on one controller.
  var portOptions: [String] {
    guard !ports.isEmpty else { return [] }
    return ["-device", "virtio-serial-pci,id=ports"]
      + ports.flatMap { port in
        [
          "-chardev", "socket,id=\(port.id),path=\(Self.escaped(port.socket)),server=on,wait=off",
          "-device", "virtserialport,bus=ports.0,chardev=\(port.id),name=\(port.name)",
        ]
      }
  }
}
