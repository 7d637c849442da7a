// SPDX-License-Identifier: Apache-2.0

import Attachment
import GuestControl
import HostDevices
import Libvirt
import LinuxSystem

/// A provider of QMP, through which a guest gets input, power and devices.
protocol ControlProvider: Provider {
  /// The socket at which a running guest takes commands.
  ///
  /// - Throws: `Obstacle`.
  func endpoint(of guest: Guest) throws(Obstacle) -> QMPEndpoint

  /// Controls the guest that a screen shows, and follows the guest to another process.
  func control(of guest: Guest, showing screen: any GuestScreen) throws(Obstacle) -> GuestController
}

extension ControlProvider {
  func control(of guest: Guest, showing screen: any GuestScreen) throws(Obstacle) -> GuestController
  {
    GuestController(try endpoint(of: guest))
  }
}

/// The socket that the user has named.
struct NamedSocket: ControlProvider {
  let id = "named-socket"
  let title = "QMP, at the named socket"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    facts.namedSocket == nil ? .noSocketNamed : facts.namedSocketObstacle.map { .qmp($0) }
  }

  func endpoint(of guest: Guest) throws(Obstacle) -> QMPEndpoint {
    guard let path = guest.qmpSocket else { throw .noSocketNamed }
    return .socket(path)
  }
}

/// libvirt, which passes commands to the domain's QEMU.
struct LibvirtQMP: ControlProvider {
  let id = "libvirt"
  let title = "QMP, by libvirt"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    if facts.namedSocket != nil { return .otherSocketNamed }
    guard case .libvirt = facts.target else {
      return .otherTarget(facts.target, needs: .domain)
    }
    guard let domain = facts.domain else { return nil }
    if let refusal = domain.refusal { return .libvirt(refusal) }
    return domain.isRunning
      ? nil : .libvirt(.notRunning(name: domain.name, uri: domain.uri))
  }

  func endpoint(of guest: Guest) throws(Obstacle) -> QMPEndpoint {
    guard case .libvirt(let name, let daemon) = guest.target else {
      throw .otherTarget(guest.target, needs: .domain)
    }
    return .other(LibvirtConnector(name: name, uri: daemon?.uri))
  }
}

/// The sockets in the command line of the process that has the device.
struct ProcessQMP: ControlProvider {
  let id = "process"
  let title = "QMP, at a socket of the process's command line"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    if facts.namedSocket != nil { return .otherSocketNamed }
    return switch (facts.target, facts.qmp) {
    case (.demo, _), (.bridge, _), (.libvirt, _), (.qmp, _):
      .otherTarget(facts.target, needs: .processOutsideLibvirt)
    case (_, .failure(let error)?): .qmp(error)
    case (_, .success(let sockets)?): sockets.obstacle.map { .qmp($0) }
    case (_, nil) where facts.isLookedAt: facts.target.vGPU.map { .attachment(.unheld($0)) }
    case (_, _): nil
    }
  }

  func endpoint(of guest: Guest) throws(Obstacle) -> QMPEndpoint {
    switch guest.target {
    case .demo, .bridge, .libvirt, .qmp:
      throw .otherTarget(guest.target, needs: .processOutsideLibvirt)
    case .process(let pid):
      do {
        return .process(try RunningProcess(pid))
      } catch {
        throw .qmp(.unreadable(error))
      }
    case .mdev, .pci:
      guard let name = guest.target.vGPU else { throw .noQMP }
      do {
        _ = try guest.host.vGPU(name)
      } catch {
        throw .attachment(error)
      }
      // These are QEMU and processes beside it, such as the viewer that has started it.
      let seen = guest.host.users(of: name).compactMap { try? RunningProcess($0) }
      // A number can belong to another process by now. A process that still has the vGPU and has
      // not ended after this look is the process that was seen.
      let users = guest.host.users(of: name)
      let processes = seen.filter { users.contains($0.pid) && !$0.hasEnded }
      if processes.isEmpty { throw .attachment(.unheld(name)) }
      return .firstOf(processes)
    }
  }

  /// The control follows the screen from process to process.
  func control(of guest: Guest, showing screen: any GuestScreen) throws(Obstacle) -> GuestController
  {
    let control = GuestController(screen.process.map { .process($0) })
    screen.onProcess = { control.follow($0.map { .process($0) }) }
    return control
  }
}
