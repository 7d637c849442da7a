// SPDX-License-Identifier: Apache-2.0

import Attachment
import GuestControl
import HostDevices
import Libvirt
import LinuxSystem

/// A provider of QMP, by which a guest gets input, power and devices.
protocol ControlProvider: Provider {
  /// Where a guest that runs takes commands.
  ///
  /// - Throws: `Obstacle`.
  func endpoint(of guest: Guest) throws(Obstacle) -> QMPEndpoint

  /// A control of the guest that a screen shows, wherever it comes back.
  func control(of guest: Guest, showing screen: any GuestScreen) throws(Obstacle) -> GuestController
}

extension ControlProvider {
  func control(of guest: Guest, showing screen: any GuestScreen) throws(Obstacle) -> GuestController
  {
    GuestController(try endpoint(of: guest))
  }
}

/// The socket that the user names.
struct NamedSocket: ControlProvider {
  let id = "named-socket"
  let title = "QMP, at the socket that --qmp names"

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
    guard let domain = facts.domain, !domain.isRunning else { return nil }
    return .libvirt(.notRunning(name: domain.name, uri: domain.uri))
  }

  func endpoint(of guest: Guest) throws(Obstacle) -> QMPEndpoint {
    guard case .libvirt(let name, let daemon) = guest.target else {
      throw .otherTarget(guest.target, needs: .domain)
    }
    return .other(LibvirtConnector(name: name, uri: daemon?.uri))
  }
}

/// The sockets that the command line names of the process that has the device.
struct ProcessQMP: ControlProvider {
  let id = "process"
  let title = "QMP, at a socket of the process's command line"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    if facts.namedSocket != nil { return .otherSocketNamed }
    return switch (facts.target, facts.qmp) {
    case (.demo, _), (.bridge, _), (.libvirt, _):
      .otherTarget(facts.target, needs: .processOutsideLibvirt)
    case (_, .failure(let error)?): .qmp(error)
    case (_, .success(let sockets)?): sockets.obstacle.map { .qmp($0) }
    case (.mdev(let uuid), nil) where facts.isLookedAt: .attachment(.notHeld(uuid))
    case (_, _): nil
    }
  }

  func endpoint(of guest: Guest) throws(Obstacle) -> QMPEndpoint {
    switch guest.target {
    case .demo, .bridge, .libvirt:
      throw .otherTarget(guest.target, needs: .processOutsideLibvirt)
    case .process(let pid):
      do {
        return .process(try RunningProcess(pid))
      } catch {
        throw .qmp(.unreadable(error))
      }
    case .mdev(let uuid):
      guard guest.host.device(uuid) != nil else {
        throw .attachment(
          .noSuchVGPU(uuid, existing: (try? guest.host.devices().map(\.uuid)) ?? []))
      }
      // QEMU, and others beside it, such as the viewer that has started it.
      let seen = guest.host.users(of: uuid).compactMap { try? RunningProcess($0) }
      // A number can be another process's by now: whoever still has the vGPU, and has not ended after
      // this look, is the one that was seen.
      let users = guest.host.users(of: uuid)
      let processes = seen.filter { users.contains($0.pid) && !$0.hasEnded }
      if processes.isEmpty { throw .attachment(.notHeld(uuid)) }
      return .firstOf(processes)
    }
  }

  /// It goes where the screen's process goes.
  func control(of guest: Guest, showing screen: any GuestScreen) throws(Obstacle) -> GuestController
  {
    let control = GuestController(screen.process.map { .process($0) })
    screen.onProcess = { control.follow($0.map { .process($0) }) }
    return control
  }
}
