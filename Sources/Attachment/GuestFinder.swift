// SPDX-License-Identifier: Apache-2.0

import CLinux
package import HostDevices
import Libvirt
import LinuxSystem
import SystemPackage
import VFIO

/// A display that a process has, and our own descriptor of it.
struct FoundDisplay: ~Copyable {
  let device: Device
  let holder: DeviceHolder
  /// Which vGPU it is, when the kernel tells.
  let vGPU: VGPUDevice?

  /// The process that has the device; our descriptor is closed.
  consuming func takeHolder() -> DeviceHolder { holder }
}

/// Finds the process of a target, and its descriptor.
///
/// A process is one `RunningProcess` from the first look to the last. Only the kernel says which
/// vGPU a device is: the text of a link or the order of numbers never decides.
struct GuestFinder {
  let host: HostHardware
  /// Whether a device can be opened again by its group; for tests.
  var canReopen = DeviceIdentity.canReopen

  /// The one display of a process.
  ///
  /// - Parameter descriptor: the user's choice, for a process that holds several.
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
    // A single device is taken unchecked, so that the user reads that device's own error.
    let displays = devices.count == 1 ? devices : devices.filter { Self.isDisplay($0, of: process) }
    guard let first = displays.first else {
      throw .noDisplay(pid: pid, descriptors: devices)
    }
    guard displays.count == 1 else { throw .severalDisplays(pid: pid, descriptors: displays) }
    return try display(first, of: process, among: all)
  }

  /// The display of a vGPU, in any process. When several processes seem to have it, the first that
  /// really has it is taken, because any process may try to look like one.
  ///
  /// - Parameter descriptor: the user's choice; a process without such a descriptor does not match.
  func find(_ name: AssignedDevice, descriptor: Int32?) throws(AttachmentError) -> FoundDisplay {
    let vGPU = try host.vGPU(name)
    var problem: AttachmentError?
    for pid in host.users(of: name) {
      do {
        if let found = try find(vGPU, in: try Self.process(pid), descriptor) { return found }
      } catch {
        switch error {
        case .noSuchProcess: break
        default: problem = problem ?? error
        }
      }
    }
    // Rights would show nothing more.
    if case .noRights? = problem, let defect = FunctionDefect.error(knownOf: name, on: host) {
      throw defect
    }
    throw problem ?? .unheld(name)
  }

  /// The display of a domain. Among several vGPUs, the first that has a display.
  func find(_ domain: RunningDomain, descriptor: Int32?) throws(AttachmentError) -> FoundDisplay {
    var without: [(pid: Int32, vGPU: AssignedDevice)] = []
    var problem: AttachmentError?
    for name in domain.vGPUs {
      do {
        let found = try find(name, descriptor: descriptor)
        // A single vGPU is taken unchecked, so that the user reads its own error.
        if domain.vGPUs.count == 1 || descriptor != nil || found.device.hasDisplay { return found }
        without.append((found.holder.process.pid, name))
      } catch {
        problem = problem ?? error
      }
    }
    if let first = without.first {
      if case .pci(let address) = first.vGPU {
        throw .function(
          address, .noDisplay(driver: host.pciFunction(at: address).flatMap(\.driver)))
      }
      throw .noDisplayOfVGPUs(
        pid: first.pid,
        without.compactMap { if case .mdev(let uuid) = $0.vGPU { uuid } else { nil } })
    }
    // When a process really has one of the vGPUs but lacks the chosen descriptor, the user reads
    // that.
    if let descriptor, let pid = domain.vGPUs.lazy.compactMap({ host.users(of: $0).first }).first {
      let devices = try Self.descriptors(of: try Self.process(pid)).filter(\.isDevice)
      throw .noSuchDescriptor(descriptor, pid: pid, descriptors: devices.map(\.number))
    }
    throw problem ?? .libvirt(.noMediatedDevice(name: domain.name, uri: domain.uri))
  }

  // MARK: Which vGPU

  /// Looks for a vGPU in a process that has the vGPU's node or its group's node open.
  ///
  /// - Returns: `nil` when the process does not have the device itself, or not yet.
  private func find(
    _ vGPU: VGPUDevice, in process: RunningProcess, _ descriptor: Int32?
  ) throws(AttachmentError) -> FoundDisplay? {
    let all = try Self.descriptors(of: process)
    let chosen = all.filter { $0.isDevice && (descriptor == nil || $0.number == descriptor) }
    var problem: AttachmentError?
    for candidate in chosen {
      do {
        let device = try Self.duplicate(candidate.number, of: process)
        guard let name = host.deviceName(ofDescriptor: device.rawValue),
          AssignedDevice(busName: name) == vGPU.name
        else { continue }
        return try Self.found(device, candidate.number, of: process, vGPU)
      } catch {
        problem = problem ?? error
      }
    }
    if let problem { throw problem }
    return chosen.isEmpty ? nil : try reopened(vGPU, in: process, among: all)
  }

  /// One device of a process, and which vGPU it is, when that can be known.
  private func display(
    _ number: Int32, of process: RunningProcess, among all: [ProcessDescriptor]
  ) throws(AttachmentError) -> FoundDisplay {
    let device = try Self.duplicate(number, of: process)
    if let name = host.deviceName(ofDescriptor: device.rawValue) {
      return try Self.found(
        device, number, of: process, AssignedDevice(busName: name).flatMap(host.vGPUDevice))
    }
    // With one device and one group in the process, the kernel confirms which vGPU it is.
    if all.count(where: \.isDevice) == 1, let vGPU = try vGPUs(of: all).only,
      let found = try? reopened(vGPU, in: process, among: all)
    {
      return found
    }
    return try Self.found(device, number, of: process, nil)
  }

  /// Opens a device again by its name in its group. Before Linux 6.17, nothing else tells which
  /// device a descriptor without a name is of.
  ///
  /// - Returns: `nil` when the process does not have the group, and when it may not have opened all
  ///   its devices yet: the process must open a device first, because the driver takes note of the
  ///   first opening.
  private func reopened(
    _ vGPU: VGPUDevice, in process: RunningProcess, among all: [ProcessDescriptor]
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
    if case .pci(let device) = vGPU, let rivals = host.rivals(of: device) {
      return try recognized(device, among: rivals, unnamed, in: process, isOnlyGroup: groups == 1)
    }
    guard canReopen else {
      guard groups == 1, let only = unnamed.only else {
        throw .unidentified(vGPU.name, in: process.pid)
      }
      do {
        // Proves that the group answers, and not another descriptor whose link reads like one.
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
        device: try group.device(named: vGPU.name.busName),
        holder: DeviceHolder(process, groupDescriptor: own.number, of: own.device), vGPU: vGPU)
    } catch {
      throw Self.refusal(error, process)
    }
  }

  /// Recognizes a function that shares its group with others, such as a graphics card's audio function,
  /// by its ids. The group cannot open it for this: a process that has the group need not have each
  /// function of it.
  ///
  /// - Parameter rivals: the others in the group.
  private func recognized(
    _ vGPU: PCIVGPU, among rivals: [PCIFunction], _ unnamed: [ProcessDescriptor],
    in process: RunningProcess, isOnlyGroup: Bool
  ) throws(AttachmentError) -> FoundDisplay? {
    let wanted = FunctionIdentity(of: vGPU.function)
    var matches: [Int32] = []
    for candidate in unnamed {
      let device = try Self.duplicate(candidate.number, of: process)
      if FunctionIdentity(of: device) == wanted { matches.append(candidate.number) }
    }
    guard let first = matches.first else { return nil }
    guard isOnlyGroup, matches.count == 1,
      !rivals.contains(where: { FunctionIdentity(of: $0) == wanted })
    else { throw .unidentified(.pci(vGPU.address), in: process.pid) }
    return try Self.found(try Self.duplicate(first, of: process), first, of: process, .pci(vGPU))
  }

  /// The vGPUs whose groups a process has open.
  private func vGPUs(of all: [ProcessDescriptor]) throws(AttachmentError) -> [VGPUDevice] {
    let groups = all.compactMap { descriptor -> Int? in
      if case .group(let number, _) = descriptor.target { number } else { nil }
    }
    return try host.allVGPUs().filter { $0.iommuGroup.map(groups.contains) ?? false }
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
    _ device: consuming Device, _ number: Int32, of process: RunningProcess, _ vGPU: VGPUDevice?
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
  /// Whether the device's driver provides a picture.
  fileprivate var hasDisplay: Bool {
    guard let display = try? displayDevice(), let transport = try? display.transport() else {
      return false
    }
    return transport == .dmaBuf || transport == .region
  }
}

extension Collection {
  /// The element, when there is exactly one.
  fileprivate var only: Element? { count == 1 ? first : nil }
}

/// How to ask the kernel which vGPU a device is, when the device was opened by its group.
enum DeviceIdentity {
  /// Whether an open device can be opened again by its group unnoticed by its driver. Since Linux
  /// 5.15, the kernel tells a driver only of the first opening and the last closing. Before that,
  /// i915 lost its state of the first opening.
  static let canReopen = KernelVersion.running.map { $0 >= KernelVersion(5, 15) } ?? false
}

extension HostHardware {
  /// The vGPU with a UUID.
  ///
  /// - Throws: `AttachmentError.noSuchVGPU`, which names the vGPUs that exist; `.host`.
  package func vGPU(_ uuid: MdevUUID) throws(AttachmentError) -> MdevDevice {
    if let vGPU = device(uuid) { return vGPU }
    let existing: [MdevDevice]
    do {
      existing = try devices()
    } catch {
      throw .host(error)
    }
    throw .noSuchVGPU(uuid, existing: existing.map(\.uuid))
  }

  /// The vGPU with a name.
  ///
  /// - Throws: `AttachmentError.noSuchVGPU`; `.function` with `.missing`, `.ofHost` or `.untyped`; `.host`.
  package func vGPU(_ name: AssignedDevice) throws(AttachmentError) -> VGPUDevice {
    switch name {
    case .mdev(let uuid): return .mdev(try vGPU(uuid))
    case .pci(let address):
      guard let vGPU = pciVGPU(at: address) else {
        throw .function(address, FunctionDefect(address, on: self) ?? .missing)
      }
      return .pci(vGPU)
    }
  }

  /// Those of a domain's devices that may be vGPUs: mdevs, and PCI functions that are GPUs here.
  package func possibleVGPUs(among devices: [AssignedDevice]) -> [AssignedDevice] {
    devices.filter { device in
      switch device {
      case .mdev: true
      case .pci(let address): pciFunction(at: address)?.classCode.isDisplay == true
      }
    }
  }

  /// All vGPUs, of any kind.
  fileprivate func allVGPUs() throws(AttachmentError) -> [VGPUDevice] {
    do {
      return try vGPUDevices()
    } catch {
      throw .host(error)
    }
  }

  /// The other functions that guests can have of a function's group; `nil` when there is none.
  fileprivate func rivals(of device: PCIVGPU) -> [PCIFunction]? {
    let others = ((try? pciFunctions()) ?? []).filter {
      $0.iommuGroup == device.function.iommuGroup && $0.address != device.address && $0.isForGuests
    }
    return others.isEmpty ? nil : others
  }
}
