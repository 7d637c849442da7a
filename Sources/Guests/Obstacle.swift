// SPDX-License-Identifier: Apache-2.0

public import Attachment
import BridgeProtocol
package import ErrorKinds
public import GuestAgent
public import GuestControl
public import Libvirt

/// Why a provider does not serve a guest. Each case's description is one sentence for a person.
@nonexhaustive
public enum Obstacle: Error, Sendable {
  /// The provider serves another kind of target.
  case otherTarget(Target, needs: Need)
  /// The user has named no QMP socket.
  case noSocketNamed
  /// The user has named a QMP socket, so no other socket is used.
  case otherSocketNamed
  /// The guest's device cannot be looked at.
  case attachment(AttachmentError)
  /// libvirt does not forward commands.
  case libvirt(LibvirtError)
  /// QEMU takes no commands.
  case qmp(QMPUnavailable)
  /// The bridge shows no such vGPU to this user.
  case notOnBridge(path: String)
  /// The bridge shows several vGPUs, and none was chosen.
  case severalOnBridge(path: String, [String])
  /// The bridge lets this user look, but not ask for a size.
  case bridgeKeepsSize(path: String)
  /// The machine has no bridge that runs; the text is what to do, when that is known.
  case noMachineBridge(String?)
  /// QEMU's display on D-Bus takes no clients; the text names the guest.
  case noDBusDisplay(String)
  /// QEMU's display on D-Bus has no sound; the text names the guest.
  case noDisplaySound(String)
  /// The provider needs QMP, and no way leads to the guest's QMP.
  case noQMP
  /// The user has named no socket of the agent's.
  case noAgentNamed
  /// The user has named the agent's socket, so no other one is used.
  case otherAgentNamed
  /// The guest has no port for an agent; the text names the guest.
  case noAgentPort(String)
  /// Nobody can tell from the target where the agent's port is; the text names the guest.
  case agentUnknown(String)
  /// The agent's port belongs to QEMU's SPICE server; the text names the guest.
  case agentOfSPICE(String)
  /// The agent's port leads elsewhere than to a socket; the text names the guest.
  case agentElsewhere(String, kind: String)
  /// The agent's port cannot be connected to.
  case agent(AgentUnavailable)

  /// What a provider can serve.
  @nonexhaustive
  public enum Need: String, Hashable, Sendable {
    /// A guest that a process of this host runs.
    case localGuest
    /// A bridge.
    case bridge
    /// A guest whose screen QEMU itself draws.
    case qemuScreen
    /// The synthetic guest.
    case demo
    /// A domain of libvirt's.
    case domain
    /// A process whose command line names QMP sockets. A domain's sockets belong to libvirt.
    case processOutsideLibvirt
  }

  /// Whether the obstacle follows from the user's target, and not from a look at the guest.
  public var isOfTarget: Bool {
    switch self {
    case .otherTarget, .noSocketNamed, .otherSocketNamed, .noAgentNamed, .otherAgentNamed: true
    default: false
    }
  }

  /// An identifier for programs.
  public var code: String {
    switch self {
    case .otherTarget: "other-target"
    case .noSocketNamed: "no-socket-named"
    case .otherSocketNamed: "other-socket-named"
    case .attachment: "device"
    case .libvirt: "libvirt"
    case .qmp: "qmp"
    case .notOnBridge: "not-on-bridge"
    case .severalOnBridge: "several-on-bridge"
    case .bridgeKeepsSize: "bridge-keeps-size"
    case .noMachineBridge: "no-machine-bridge"
    case .noDBusDisplay: "no-dbus-display"
    case .noDisplaySound: "no-display-sound"
    case .noQMP: "no-qmp"
    case .noAgentNamed: "no-agent-named"
    case .otherAgentNamed: "other-agent-named"
    case .noAgentPort: "no-agent-port"
    case .agentUnknown: "agent-unknown"
    case .agentOfSPICE: "agent-of-spice"
    case .agentElsewhere: "agent-elsewhere"
    case .agent: "agent"
    }
  }
}

extension Obstacle: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .otherTarget, .noQMP, .noDisplaySound, .noAgentPort, .agentUnknown, .agentOfSPICE,
      .agentElsewhere:
      .unsupported
    case .noDBusDisplay: .noDisplay
    case .noSocketNamed, .otherSocketNamed, .noAgentNamed, .otherAgentNamed: .argument
    case .agent(let error): error.errorClass
    case .attachment(let error): error.errorClass
    case .libvirt(let error): error.errorClass
    case .qmp(let error): error.errorClass
    case .notOnBridge: .notFound
    case .severalOnBridge: .ambiguous
    case .bridgeKeepsSize, .noMachineBridge: .notPermitted
    }
  }
}

extension Obstacle: CustomStringConvertible {
  /// One sentence: object, cause, and the remedy when there is one.
  public var description: String {
    switch self {
    case .otherTarget(let target, let need):
      switch (need, target) {
      case (.localGuest, .demo), (.bridge, .demo), (.domain, .demo),
        (.processOutsideLibvirt, .demo):
        "\(target): no QEMU runs it; name a guest"
      case (.bridge, _): "\(target) names no bridge"
      case (.demo, _): "\(target) is not the synthetic guest"
      case (.qemuScreen, _): "\(target): the vGPU shows the guest's screen"
      case (.domain, _): "\(target) names no domain of libvirt's"
      case (.processOutsideLibvirt, .libvirt):
        "\(target): the domain's QMP socket belongs to libvirt"
      case (.localGuest, .bridge): "\(target): the bridge holds the device; name the vGPU instead"
      case (_, .qmp): "\(target): the target names QEMU, not a device"
      case (_, .bridge): "\(target): a bridge forwards no QMP commands to the guest; give --qmp"
      case (_, _): "\(target): another provider serves this kind of target"
      }
    case .noSocketNamed: "no QMP socket was named with --qmp"
    case .otherSocketNamed: "--qmp names another socket"
    case .attachment(let error): error.description
    case .libvirt(let error): error.description
    case .qmp(let error): error.description
    case .notOnBridge(let path):
      "\(path): the bridge shows you no such vGPU; see `vgpu list --bridge`"
    case .severalOnBridge(let path, let names):
      "\(path): the bridge shows several vGPUs: name one as bridge:\(path)/\(names.first ?? "UUID")"
    case .bridgeKeepsSize(let path):
      "\(path): the bridge does not let you resize; start it with --allow-resize"
    case .noMachineBridge(let advice):
      "the machine has no bridge that runs: \(advice ?? "let root show you the guest (`vgpu bridge`)")"
    case .noDBusDisplay(let guest):
      """
      \(guest): QEMU has no display on D-Bus; start it with -display dbus,p2p=yes, or give its domain \
      <graphics type='dbus' p2p='yes'/>
      """
    case .noAgentNamed: "no socket of the guest's agent was named with --agent"
    case .otherAgentNamed: "--agent names another socket"
    case .noAgentPort(let guest):
      """
      \(guest): the guest has no port for its agent; start QEMU with -device virtio-serial-pci \
      -chardev socket,id=agent,path=PATH,server=on,wait=off \
      -device virtserialport,chardev=agent,name=com.redhat.spice.0, or give its domain <channel \
      type='unix'><target type='virtio' name='com.redhat.spice.0'/></channel>
      """
    case .agentUnknown(let guest):
      "\(guest): the target does not tell where the guest's agent is; name its socket with --agent"
    case .agentOfSPICE(let guest):
      """
      \(guest): QEMU's SPICE server has the port of the guest's agent (spicevmc); use a SPICE client for \
      clipboard and files, or lead the port to a Unix socket instead (-chardev socket, <channel \
      type='unix'>)
      """
    case .agentElsewhere(let guest, let kind):
      """
      \(guest): the port of the guest's agent leads to \(kind); lead it to a Unix socket instead \
      (-chardev socket, <channel type='unix'>)
      """
    case .agent(let error): error.description
    case .noDisplaySound(let guest):
      """
      \(guest): QEMU's display on D-Bus has no sound; start it with -audiodev \
      dbus,id=audio0,timer-period=5000 -display dbus,p2p=yes,audiodev=audio0, or give its domain \
      <audio id='1' type='dbus' timerPeriod='5000'/> and its <graphics> <audio id='1'/>
      """
    case .noQMP: "vgpu needs QMP for this, and cannot connect to this guest's QMP"
    }
  }
}
