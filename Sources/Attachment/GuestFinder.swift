// SPDX-License-Identifier: Apache-2.0

import HostDevices
import Libvirt
import SystemPackage
import VFIO

/// A display that a process holds: where its descriptor is, and which vGPU it is where that is
/// known.
struct FoundDisplay {
  let pid: Int32
  let descriptor: Int32
  let vGPU: MdevDevice?
}

/// Finds out which process and which of its descriptors a target is.
struct GuestFinder {
  let host: HostDevices

  /// The one display of a target.
  ///
  /// - Parameter descriptor: the user's choice where a process holds several.
  func find(_ target: Target, descriptor: Int32?) throws(AttachmentError) -> FoundDisplay? {
    switch target {
    case .demo, .bridge: nil
    case .process(let pid): try find(pid: pid, descriptor: descriptor)
    case .mdev(let uuid): try find(uuid, descriptor: descriptor)
    case .libvirt(let name, let daemon):
      try find(DomainLookup(name: name, of: daemon).ask(), descriptor: descriptor)
    }
  }

  /// The display of a domain: of several, the first that has one.
  func find(_ domain: RunningDomain, descriptor: Int32?) throws(AttachmentError) -> FoundDisplay {
    var without: [FoundDisplay] = []
    var problem: AttachmentError?
    for uuid in domain.mdevs {
      let found: FoundDisplay
      do {
        found = try find(uuid, descriptor: descriptor)
      } catch {
        problem = problem ?? error
        continue
      }
      // One is taken as it is, so that its own error is what the user reads.
      if domain.mdevs.count == 1 || descriptor != nil
        || hasDisplay(found.descriptor, pid: found.pid)
      {
        return found
      }
      without.append(found)
    }
    if let first = without.first {
      throw .noDisplay(pid: first.pid, descriptors: without.map(\.descriptor))
    }
    // Of its QEMU, which may be another user's, the reason is known better than that nobody is seen
    // who has the vGPU.
    if let pid = DomainProcess.find(uuid: domain.uuid) {
      let devices = try descriptors(ofProcess: pid).filter(\.isDevice).map(\.number)
      if let descriptor {
        throw .noSuchDescriptor(descriptor, pid: pid, descriptors: devices)
      }
    }
    throw problem ?? .libvirt(.noMediatedDevice(name: domain.name, uri: domain.uri))
  }

  private func find(pid: Int32, descriptor: Int32?) throws(AttachmentError) -> FoundDisplay {
    let all = try descriptors(ofProcess: pid)
    let devices = all.filter(\.isDevice).map(\.number)
    if let descriptor {
      guard devices.contains(descriptor) else {
        throw .noSuchDescriptor(descriptor, pid: pid, descriptors: devices)
      }
      return FoundDisplay(
        pid: pid, descriptor: descriptor, vGPU: try vGPU(of: descriptor, among: all))
    }
    if devices.isEmpty { throw .noDevice(pid: pid) }
    // One is taken as it is, so that its own error is what the user reads.
    let displays = devices.count == 1 ? devices : devices.filter { hasDisplay($0, pid: pid) }
    guard let first = displays.first else {
      throw .noDisplay(pid: pid, descriptors: devices)
    }
    guard displays.count == 1 else { throw .severalDisplays(pid: pid, descriptors: displays) }
    return FoundDisplay(pid: pid, descriptor: first, vGPU: try vGPU(of: first, among: all))
  }

  private func find(_ uuid: MdevUUID, descriptor: Int32?) throws(AttachmentError) -> FoundDisplay {
    guard let device = host.device(uuid) else {
      throw .noSuchVGPU(uuid, existing: try devices().map(\.uuid))
    }
    // One process can hold many vGPUs, so each of its descriptors is looked at.
    for pid in host.users(of: uuid) {
      guard let all = try? descriptors(ofProcess: pid) else { continue }
      for candidate in all where candidate.isDevice {
        if let descriptor, descriptor != candidate.number { continue }
        if try vGPU(of: candidate.number, among: all)?.uuid == uuid {
          return FoundDisplay(pid: pid, descriptor: candidate.number, vGPU: device)
        }
      }
    }
    throw .notHeld(uuid)
  }

  /// Which vGPU a descriptor is of.
  ///
  /// A device's own node names it. A device that was opened through its group has no name in
  /// `/proc` before Linux 6.17; but whoever opens it holds the group's descriptor, and got it
  /// first: the group is the one that was opened last before the device, or, where the numbers were
  /// reused in another order, the only one.
  private func vGPU(
    of number: Int32, among all: [ProcessDescriptor]
  ) throws(AttachmentError) -> MdevDevice? {
    guard let descriptor = all.first(where: { $0.number == number }) else { return nil }
    let devices = try devices()
    if case .cdev(let path) = descriptor.target {
      return devices.first { $0.deviceNode == path }
    }
    let groups = all.compactMap { candidate -> (number: Int32, group: Int)? in
      if case .group(let group) = candidate.target { (candidate.number, group) } else { nil }
    }
    guard let group = groups.last(where: { $0.number < number }) ?? groups.first else { return nil }
    return devices.first { $0.iommuGroup == group.group }
  }

  private func hasDisplay(_ number: Int32, pid: Int32) -> Bool {
    guard
      let device = try? Device(duplicating: number, fromProcess: pid, name: "pid:\(pid)"),
      let display = try? device.displayDevice(), let transport = try? display.transport()
    else { return false }
    return transport == .dmaBuf || transport == .region
  }

  private func descriptors(ofProcess pid: Int32) throws(AttachmentError) -> [ProcessDescriptor] {
    do {
      return try ProcessDevices.descriptors(ofProcess: pid)
    } catch {
      if error.errno == .noSuchFileOrDirectory { throw .noSuchProcess(pid) }
      throw error.errno == .permissionDenied ? .noRights(pid: pid) : .vfio(error)
    }
  }

  private func devices() throws(AttachmentError) -> [MdevDevice] {
    do {
      return try host.devices()
    } catch {
      throw .host(error)
    }
  }
}

extension ProcessDescriptor {
  fileprivate var isDevice: Bool {
    switch target {
    case .device, .cdev: true
    case .group: false
    }
  }
}
