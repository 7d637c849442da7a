// SPDX-License-Identifier: Apache-2.0

import Attachment
import GuestControl
import HostDevices
import Libvirt
import LinuxSystem

extension QMPEndpoint {
  /// Where the guest that a target shows takes commands.
  ///
  /// - Parameter socket: where QEMU serves QMP, if the user has said so.
  init(of target: Target, socket: String?) throws {
    if let socket {
      self = .socket(socket)
      return
    }
    switch target {
    case .demo: throw Failure("demo: no QEMU runs it; name a guest")
    case .bridge:
      throw Failure("\(target): a bridge shows a guest, and tells it nothing; give --qmp")
    case .process(let pid): self = .process(try RunningProcess(pid))
    case .libvirt(let name, let daemon):
      self = .other(LibvirtConnector(name: name, uri: daemon?.uri))
    case .mdev(let uuid):
      let host = HostHardware()
      guard host.device(uuid) != nil else {
        throw AttachmentError.noSuchVGPU(uuid, existing: try host.devices().map(\.uuid))
      }
      // QEMU, and others beside it, such as the viewer that has started it.
      let seen = host.users(of: uuid).compactMap { try? RunningProcess($0) }
      // A number can be another process's by now: whoever still has the vGPU, and has not ended after
      // this look, is the one that was seen.
      let users = host.users(of: uuid)
      let processes = seen.filter { users.contains($0.pid) && !$0.hasEnded }
      if processes.isEmpty { throw AttachmentError.notHeld(uuid) }
      self = .firstOf(processes)
    }
  }
}

extension GuestController {
  /// A control of the guest that a source shows, wherever it comes back.
  ///
  /// - Parameter socket: where QEMU serves QMP, if the user has said so.
  @MainActor
  static func of(_ source: AttachedSource, target: Target, socket: String?) -> GuestController? {
    if let socket { return GuestController(.socket(socket)) }
    switch target {
    case .demo, .bridge: return nil
    case .libvirt(let name, let daemon):
      return GuestController(.other(LibvirtConnector(name: name, uri: daemon?.uri)))
    case .mdev, .process:
      let control = GuestController(source.process.map { .process($0) })
      source.onProcess = { control.follow($0.map { .process($0) }) }
      return control
    }
  }
}
