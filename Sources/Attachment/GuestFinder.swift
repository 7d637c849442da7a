// SPDX-License-Identifier: Apache-2.0

import CLinux
import HostDevices
import Libvirt
import LinuxSystem
import SystemPackage
import VFIO

/// A display that a process has, and a way of ours into it.
struct FoundDisplay: ~Copyable {
  let device: Device
  let holder: DeviceHolder
  /// Which vGPU it is, where the kernel tells.
  let vGPU: MdevDevice?

  /// Who has it; the device is closed.
  consuming func takeHolder() -> DeviceHolder { holder }
}

/// Finds out which process and which of its descriptors a target is.
///
/// A process is one `RunningProcess` from the first look to the last, and which vGPU a device is, the
/// kernel says: never the text of a link, nor the order of numbers.
struct GuestFinder {
  let host: HostHardware
  /// Whether a device can be opened again by its group; for tests.
  var canReopen = DeviceIdentity.canReopen

  /// The one display of a process.
  ///
  /// - Parameter descriptor: the user's choice where it holds several.
  func find(pid: Int32, descriptor: Int32?) throws(AttachmentError) -> FoundDisplay {
    let process = try Self.process(pid)
    let all = try Self.descriptors(of: process)
    let devices = all.filter(\.isDevice).map(\.number)
    if let descriptor {
      guard devices.contains(descriptor) else {
        throw .noSuchDescriptor(descriptor, pid: pid, descriptors: devices)
      }
      return try display(descriptor, of: process, among: all)
    }
    if devices.isEmpty { throw .noDevice(pid: pid) }
    // One is taken as it is, so that its own error is what the user reads.
    let displays = devices.count == 1 ? devices : devices.filter { Self.isDisplay($0, of: process) }
    guard let first = displays.first else {
      throw .noDisplay(pid: pid, descriptors: devices)
    }
    guard displays.count == 1 else { throw .severalDisplays(pid: pid, descriptors: displays) }
    return try display(first, of: process, among: all)
  }

  /// The display that a vGPU is, in whichever process. Where several seem to have it, the first that
  /// really has: anybody may try to look like one.
  ///
  /// - Parameter descriptor: the user's choice, which only those with such a descriptor meet.
  func find(_ uuid: MdevUUID, descriptor: Int32?) throws(AttachmentError) -> FoundDisplay {
    guard let vGPU = host.device(uuid) else {
      throw .noSuchVGPU(uuid, existing: try devices().map(\.uuid))
    }
    var problem: AttachmentError?
    for pid in host.users(of: uuid) {
      do {
        if let found = try find(vGPU, in: try Self.process(pid), descriptor) { return found }
      } catch {
        switch error {
        case .noSuchProcess: break
        default: problem = problem ?? error
        }
      }
    }
    throw problem ?? .notHeld(uuid)
  }

  /// The display of a domain: of several, the first that has one.
  func find(_ domain: RunningDomain, descriptor: Int32?) throws(AttachmentError) -> FoundDisplay {
    var without: [(pid: Int32, vGPU: MdevUUID)] = []
    var problem: AttachmentError?
    for uuid in domain.mdevs {
      do {
        let found = try find(uuid, descriptor: descriptor)
        // One is taken as it is, so that its own error is what the user reads.
        if domain.mdevs.count == 1 || descriptor != nil || found.device.hasDisplay { return found }
        without.append((found.holder.process.pid, uuid))
      } catch {
        problem = problem ?? error
      }
    }
    if let first = without.first {
      throw .noDisplayOfVGPUs(pid: first.pid, without.map(\.vGPU))
    }
    // Of a process that really has one of them, a descriptor that it lacks is what the user reads.
    if let descriptor, let pid = domain.mdevs.lazy.compactMap({ host.users(of: $0).first }).first {
      let devices = try Self.descriptors(of: try Self.process(pid)).filter(\.isDevice)
      throw .noSuchDescriptor(descriptor, pid: pid, descriptors: devices.map(\.number))
    }
    throw problem ?? .libvirt(.noMediatedDevice(name: domain.name, uri: domain.uri))
  }

  // MARK: Which vGPU

  /// A vGPU in a process that has its node, or its group's, open.
  ///
  /// - Returns: `nil` when the process does not have the device itself, or not yet.
  private func find(
    _ vGPU: MdevDevice, in process: RunningProcess, _ descriptor: Int32?
  ) throws(AttachmentError) -> FoundDisplay? {
    let all = try Self.descriptors(of: process)
    let chosen = all.filter { $0.isDevice && (descriptor == nil || $0.number == descriptor) }
    var problem: AttachmentError?
    for candidate in chosen {
      do {
        let device = try Self.duplicate(candidate.number, of: process)
        guard let name = host.deviceName(ofDescriptor: device.rawValue),
          MdevUUID(name) == vGPU.uuid
        else { continue }
        return try Self.found(device, candidate.number, of: process, vGPU)
      } catch {
        problem = problem ?? error
      }
    }
    if let problem { throw problem }
    return chosen.isEmpty ? nil : try reopened(vGPU, in: process, among: all)
  }

  /// One device of a process, and which vGPU it is if that is to be known.
  private func display(
    _ number: Int32, of process: RunningProcess, among all: [ProcessDescriptor]
  ) throws(AttachmentError) -> FoundDisplay {
    let device = try Self.duplicate(number, of: process)
    if let name = host.deviceName(ofDescriptor: device.rawValue) {
      return try Self.found(device, number, of: process, MdevUUID(name).flatMap(host.device))
    }
    // The only device, and the only group: which one it is, the kernel confirms.
    if all.count(where: \.isDevice) == 1, let vGPU = try vGPUs(of: all).only,
      let found = try? reopened(vGPU, in: process, among: all)
    {
      return found
    }
    return try Self.found(device, number, of: process, nil)
  }

  /// A device as its group gives it out by its name: what a descriptor without a name is of, nobody
  /// else can tell before Linux 6.17.
  ///
  /// - Returns: `nil` where the process does not have the group, and where it may not have opened all
  ///   its devices yet: to open one is its part, of which the driver takes note.
  private func reopened(
    _ vGPU: MdevDevice, in process: RunningProcess, among all: [ProcessDescriptor]
  ) throws(AttachmentError) -> FoundDisplay? {
    var groups = 0
    var own: (number: Int32, device: DeviceNumber)?
    for candidate in all {
      guard case .group(let number, let device) = candidate.target else { continue }
      groups += 1
      if number == vGPU.iommuGroup { own = (candidate.number, device) }
    }
    let unnamed = all.filter { $0.target == .device }
    guard let own, unnamed.count >= groups else { return nil }
    guard canReopen else {
      guard groups == 1, let only = unnamed.only else {
        throw .unidentified(vGPU.uuid, pid: process.pid)
      }
      do {
        // An answer of the group's, not of a descriptor that only reads like one.
        _ = try Group(duplicating: own.number, of: process, device: own.device).status()
      } catch {
        throw Self.refusal(error, process)
      }
      let device = try Self.duplicate(only.number, of: process)
      return try Self.found(device, only.number, of: process, vGPU)
    }
    do {
      let group = try Group(duplicating: own.number, of: process, device: own.device)
      return FoundDisplay(
        device: try group.device(named: "\(vGPU.uuid)"),
        holder: DeviceHolder(process, groupDescriptor: own.number, of: own.device), vGPU: vGPU)
    } catch {
      throw Self.refusal(error, process)
    }
  }

  /// The vGPUs whose groups a process has open.
  private func vGPUs(of all: [ProcessDescriptor]) throws(AttachmentError) -> [MdevDevice] {
    let groups = all.compactMap { descriptor -> Int? in
      if case .group(let number, _) = descriptor.target { number } else { nil }
    }
    return try devices().filter { $0.iommuGroup.map(groups.contains) ?? false }
  }

  private func devices() throws(AttachmentError) -> [MdevDevice] {
    do {
      return try host.devices()
    } catch {
      throw .host(error)
    }
  }

  // MARK: Processes

  private static func process(_ pid: Int32) throws(AttachmentError) -> RunningProcess {
    do {
      return try RunningProcess(pid)
    } catch {
      throw error.errno == .noSuchProcess ? .noSuchProcess(pid) : .vfio(.system(error))
    }
  }

  private static func descriptors(
    of process: RunningProcess
  ) throws(AttachmentError) -> [ProcessDescriptor] {
    do {
      return try ProcessDevices.descriptors(of: process)
    } catch {
      switch error.errno {
      case .noSuchFileOrDirectory, .noSuchProcess: throw .noSuchProcess(process.pid)
      case .permissionDenied: throw .noRights(pid: process.pid)
      default: throw .vfio(error)
      }
    }
  }

  private static func duplicate(
    _ number: Int32, of process: RunningProcess
  ) throws(AttachmentError) -> Device {
    do {
      return try Device(duplicating: number, of: process, name: "pid:\(process.pid)")
    } catch {
      throw refusal(error, process)
    }
  }

  private static func found(
    _ device: consuming Device, _ number: Int32, of process: RunningProcess, _ vGPU: MdevDevice?
  ) throws(AttachmentError) -> FoundDisplay {
    let holder: DeviceHolder
    do {
      holder = try DeviceHolder(process, descriptor: number, duplicate: device)
    } catch {
      throw .vfio(error)
    }
    return FoundDisplay(device: device, holder: holder, vGPU: vGPU)
  }

  private static func refusal(_ error: VFIOError, _ process: RunningProcess) -> AttachmentError {
    switch error.errno {
    case .notPermitted: .noRights(pid: process.pid)
    case .noSuchProcess: .noSuchProcess(process.pid)
    default: .vfio(error)
    }
  }

  private static func isDisplay(_ number: Int32, of process: RunningProcess) -> Bool {
    (try? duplicate(number, of: process))?.hasDisplay ?? false
  }
}

extension Device {
  /// Whether its driver hands out a picture.
  fileprivate var hasDisplay: Bool {
    guard let display = try? displayDevice(), let transport = try? display.transport() else {
      return false
    }
    return transport == .dmaBuf || transport == .region
  }
}

extension Collection {
  /// The element where there is exactly one.
  fileprivate var only: Element? { count == 1 ? first : nil }
}

/// How the kernel can be asked which vGPU a device is that was opened by its group.
enum DeviceIdentity {
  /// Whether a device that is open can be opened again by its group without its driver's noticing:
  /// from Linux 5.15 on a driver is told of the first opening and the last closing alone. i915's
  /// before that lost what it knew of the first.
  static let canReopen = KernelVersion.running.map { $0 >= KernelVersion(5, 15) } ?? false
}
