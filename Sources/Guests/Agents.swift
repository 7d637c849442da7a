// SPDX-License-Identifier: Apache-2.0

import Attachment
import ErrorKinds
public import GuestAgent
import GuestControl
import HostDevices
import Libvirt
import LinuxSystem
import SafeText

/// A provider of the guest's agent, through which a guest gets clipboards, files and sizes.
protocol AgentProvider: Provider {
  /// The way to the agent's port of a running guest.
  ///
  /// - Throws: `Obstacle`.
  func connector(to guest: Guest) throws(Obstacle) -> any AgentConnector
}

/// The socket that the user has named.
struct NamedAgent: AgentProvider {
  let id = "named-agent"
  let title = "the guest's agent, at the named socket"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    facts.namedAgent == nil ? .noAgentNamed : facts.namedAgentObstacle.map { .agent($0) }
  }

  func connector(to guest: Guest) throws(Obstacle) -> any AgentConnector {
    guard let path = guest.agentSocket else { throw .noAgentNamed }
    return AgentSocket(path: path)
  }
}

/// The socket that libvirt has chosen for a domain's channel.
///
/// virDomainOpenChannel would pass its bytes on for users who may not connect to it. libvirt 9.0 loses a
/// wake-up when one thread waits for the stream's bytes and another one sends, and both stand still.
struct LibvirtAgent: AgentProvider {
  let id = "libvirt-agent"
  let title = "the guest's agent, at the socket of its domain's channel"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    if facts.namedAgent != nil { return .otherAgentNamed }
    guard case .libvirt = facts.target else {
      return .otherTarget(facts.target, needs: .domain)
    }
    guard let domain = facts.domain else { return nil }
    let name = "\(facts.target)"
    switch domain.agentChannel?.kind {
    case nil: return .noAgentPort(name)
    case "unix"?: break
    case "spicevmc"?: return .agentOfSPICE(name)
    case let kind?: return .agentElsewhere(name, kind: PlainText.line(kind, limit: 64))
    }
    guard domain.isRunning else {
      return .libvirt(.notRunning(name: domain.name, uri: domain.uri))
    }
    guard let path = domain.agentChannel?.path else {
      return .agentElsewhere(name, kind: "no socket that libvirt tells of")
    }
    return AgentSocket.obstacle(toConnectTo: path).map { .agent($0) }
  }

  func connector(to guest: Guest) throws(Obstacle) -> any AgentConnector {
    guard case .libvirt(let name, let daemon) = guest.target else {
      throw .otherTarget(guest.target, needs: .domain)
    }
    return DomainAgent(domain: name, uri: daemon?.uri)
  }

  /// Asks libvirt anew at each connection, because each start of a domain has another socket.
  private struct DomainAgent: AgentConnector {
    let domain: String
    let uri: String?
    var name: String { "libvirt:\(PlainText.line(domain))" }

    func connect() throws(AgentUnavailable) -> OwnedFileDescriptor {
      let channel: LibvirtChannel?
      do {
        channel = try LibvirtDomain.openRunning(name: domain, uri: uri)
          .channel(named: GuestFacts.agentPortName)
      } catch {
        throw AgentUnavailable("\(error)", error.errorClass)
      }
      guard let path = channel?.path else {
        throw AgentUnavailable("\(Obstacle.noAgentPort(name))", .unsupported)
      }
      return try AgentSocket(path: path).connect()
    }
  }
}

/// The socket in the command line of the process that has the device.
struct ProcessAgent: AgentProvider {
  let id = "process-agent"
  let title = "the guest's agent, at a socket of the process's command line"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    if facts.namedAgent != nil { return .otherAgentNamed }
    let name = "\(facts.target)"
    switch facts.target {
    case .demo: return .otherTarget(facts.target, needs: .localGuest)
    case .bridge, .qmp: return .agentUnknown(name)
    case .libvirt: return .otherTarget(facts.target, needs: .processOutsideLibvirt)
    case .mdev, .pci, .process: break
    }
    guard facts.isLookedAt else { return nil }
    switch facts.agentPort {
    case nil:
      if let vGPU = facts.target.vGPU { return .attachment(.unheld(vGPU)) }
      return .noAgentPort(name)
    case .failure(let error)?: return .qmp(error)
    case .success(nil)?: return .noAgentPort(name)
    case .success((_, .spice)?)?: return .agentOfSPICE(name)
    case .success((_, .qemu)?)?: return .agentElsewhere(name, kind: "qemu-vdagent")
    case .success((_, .manager)?)?: return .agentElsewhere(name, kind: "a manager's descriptor")
    case .success((_, .other(let kind))?)?:
      return .agentElsewhere(name, kind: PlainText.line(kind, limit: 64))
    case .success((_, .socket(let path))?)?:
      return AgentSocket.obstacle(toConnectTo: path).map { .agent($0) }
    case .success?: return .noAgentPort(name)
    }
  }

  func connector(to guest: Guest) throws(Obstacle) -> any AgentConnector {
    switch guest.target {
    case .process, .mdev, .pci: return ProcessSocket(guest: guest)
    case .demo, .bridge, .libvirt, .qmp:
      throw .otherTarget(guest.target, needs: .processOutsideLibvirt)
    }
  }

  /// Looks for the process anew at each connection, because a guest starts again in another one.
  private struct ProcessSocket: AgentConnector {
    let guest: Guest
    var name: String { "\(guest.target)" }

    func connect() throws(AgentUnavailable) -> OwnedFileDescriptor {
      do throws(Obstacle) {
        guard let (process, path) = try socket() else { throw Obstacle.noAgentPort(name) }
        return try AgentSocket(path: path, servedBy: process).connecting()
      } catch {
        throw AgentUnavailable("\(error)", error.errorClass)
      }
    }

    private func socket() throws(Obstacle) -> (RunningProcess, String)? {
      let pids: [Int32]
      switch guest.target {
      case .process(let pid): pids = [pid]
      case .mdev, .pci:
        guard let name = guest.target.vGPU else { return nil }
        pids = guest.host.users(of: name)
        if pids.isEmpty { throw .attachment(.unheld(name)) }
      default: return nil
      }
      switch GuestFacts.agentPort(of: pids) {
      case .success((let process, .socket(let path))?)?: return (process, path)
      case .failure(let error)?: throw .qmp(error)
      default: return nil
      }
    }
  }
}

extension AgentSocket {
  fileprivate func connecting() throws(Obstacle) -> OwnedFileDescriptor {
    do {
      return try connect()
    } catch {
      throw .agent(error)
    }
  }
}

extension GuestFacts {
  /// The port that agents look for.
  static let agentPortName = "com.redhat.spice.0"

  /// The port of the first process that has one; without one, the defect of the first process that looks
  /// like QEMU. A link to the process goes with it.
  static func agentPort(
    of pids: [Int32]
  ) -> Result<(RunningProcess, AgentPort)?, QMPUnavailable>? {
    var failure: QMPUnavailable?
    for pid in pids {
      guard let process = try? RunningProcess(pid) else { continue }
      do throws(QMPUnavailable) {
        if let port = try AgentPort.find(of: process) { return .success((process, port)) }
      } catch {
        failure = failure ?? error
      }
    }
    return failure.map { .failure($0) } ?? (pids.isEmpty ? nil : .success(nil))
  }
}

extension Guest {
  /// The way to the guest's agent, for clipboards, files and sizes: `AgentClient` connects by it, and connects
  /// again when the guest has started again.
  ///
  /// - Parameter facts: what `look()` has found; `nil` to go by the target alone, for a guest that may come
  ///   later.
  /// - Throws: `Obstacle`: why there is no way.
  public func agentConnector(_ facts: GuestFacts? = nil) throws(Obstacle) -> any AgentConnector {
    let choice = (facts ?? named).choice(among: Providers.agents)
    guard let provider = choice.chosen else {
      throw choice.refusal ?? .agentUnknown("\(target)")
    }
    return try provider.connector(to: self)
  }
}
