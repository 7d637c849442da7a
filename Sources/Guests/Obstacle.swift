// SPDX-License-Identifier: Apache-2.0

public import Attachment
import BridgeProtocol
public import GuestControl
public import Libvirt

/// Why a provider does not serve a guest. Each case's description is one sentence for a person.
@nonexhaustive
public enum Obstacle: Error, Sendable {
  /// Another kind of target has it.
  case otherTarget(Target, needs: Need)
  /// No QMP socket was named by the user.
  case noSocketNamed
  /// The user has named a QMP socket, and no other is taken.
  case otherSocketNamed
  /// The guest's device cannot be looked at.
  case attachment(AttachmentError)
  /// libvirt does not pass commands on.
  case libvirt(LibvirtError)
  /// QEMU cannot be told anything.
  case qmp(QMPUnavailable)
  /// The bridge shows no such vGPU to this user.
  case notOnBridge(path: String)
  /// The bridge shows several, and none was chosen.
  case severalOnBridge(path: String, [String])
  /// The bridge lets this user look, and not ask for a size.
  case bridgeKeepsSize(path: String)
  /// It goes over QMP, and nothing reaches that.
  case noQMP

  /// What a provider serves.
  @nonexhaustive
  public enum Need: String, Hashable, Sendable {
    /// A guest that a process of this host runs.
    case localGuest
    /// A bridge.
    case bridge
    /// The synthetic guest.
    case demo
    /// A domain of libvirt's.
    case domain
    /// A process whose command line names QMP's sockets: a domain's is libvirt's.
    case processOutsideLibvirt
  }

  /// Whether it follows from what the user named, and not from what was found.
  public var isOfTarget: Bool {
    switch self {
    case .otherTarget, .noSocketNamed, .otherSocketNamed: true
    default: false
    }
  }

  /// A word for programs.
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
    case .noQMP: "no-qmp"
    }
  }
}

extension Obstacle: CustomStringConvertible {
  /// One sentence: object, cause, remedy where there is one.
  public var description: String {
    switch self {
    case .otherTarget(let target, let need):
      switch (need, target) {
      case (.localGuest, .demo), (.bridge, .demo), (.domain, .demo),
        (.processOutsideLibvirt, .demo):
        "\(target): no QEMU runs it; name a guest"
      case (.bridge, _): "\(target) names no bridge"
      case (.demo, _): "\(target) is not the synthetic guest"
      case (.domain, _): "\(target) names no domain of libvirt's"
      case (.processOutsideLibvirt, .libvirt): "\(target): libvirt has the domain's QMP"
      case (.localGuest, .bridge): "\(target): the bridge has the device; name the vGPU"
      case (_, .bridge): "\(target): a bridge shows a guest, and tells it nothing; give --qmp"
      case (_, _): "\(target) is served otherwise"
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
      "\(path): the bridge lets you look and not resize; start it with --allow-resize"
    case .noQMP: "vgpu gets it through QMP, and nothing reaches this guest's QMP"
    }
  }
}
