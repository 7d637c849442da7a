// SPDX-License-Identifier: Apache-2.0

public import BridgeClient
package import ErrorKinds
public import HostDevices
public import Libvirt
public import LinuxSystem
import SystemPackage
public import VFIO

/// Why a target cannot be looked at. Each case's description is one line that names the object, the
/// cause and the remedy.
@nonexhaustive
public enum AttachmentError: Error, Sendable {
  /// No mdev has this UUID.
  case noSuchVGPU(MdevUUID, existing: [MdevUUID])
  /// The vGPU exists, but no process whose descriptors may be seen holds it.
  case notHeld(MdevUUID)
  /// There is no such process.
  case noSuchProcess(Int32)
  /// The vGPU is in use by a process whose descriptors may not be seen.
  case heldUnseen(MdevUUID)
  /// The process may not be looked into.
  case noRights(pid: Int32, RightsDefect)
  /// The process holds no VFIO device.
  case noDevice(pid: Int32)
  /// The process holds VFIO devices, but none has a display.
  case noDisplay(pid: Int32, descriptors: [Int32])
  /// The process holds vGPUs that a domain has, but none has a display.
  case noDisplayOfVGPUs(pid: Int32, [MdevUUID])
  /// The process holds several displays, and none was chosen.
  case severalDisplays(pid: Int32, descriptors: [Int32])
  /// The chosen descriptor is no VFIO device of the process.
  case noSuchDescriptor(Int32, pid: Int32, descriptors: [Int32])
  /// The process holds several devices by their groups, and the kernel is too old to tell which
  /// device is the vGPU.
  case unidentified(MdevUUID, pid: Int32)
  /// The descriptor is not of the named vGPU but of another device, by the device's name on its
  /// bus.
  case otherDevice(MdevUUID, isOf: String)
  /// A PCI function that a guest has, or may have, cannot be looked at.
  case function(PCIAddress, FunctionDefect)
  /// Nothing here shows the target's screen.
  case noScreen(String)
  /// The target's screen is not shown, for a reason that is a text: a provider's of another library, or one of
  /// the above with what this machine's user can do.
  case screen(ScreenFailure)
  /// The guest's monitor cannot be exchanged.
  case noMonitor(String)
  /// The source was attached without `controlsMonitor`, so it does not exchange the guest's monitor.
  case notControlled(String)
  /// The driver makes no pictures of that size.
  case monitorTooLarge(String, width: Int, height: Int, most: String)
  /// libvirt does not know the domain, or nothing runs it.
  case libvirt(LibvirtError)
  /// The bridge shows nothing.
  case bridge(BridgeError)
  /// The kernel refused.
  case vfio(VFIOError)
  /// The host's vGPUs cannot be read.
  case host(HostDevicesError)
  /// The synthetic guest could not be made.
  case demo(SystemCallError)
}

extension AttachmentError {
  /// The process may not be looked into. Finds out why.
  static func noRights(pid: Int32) -> AttachmentError {
    .noRights(pid: pid, RightsDefect(ofProcess: pid))
  }

  /// The error for something that the kernel refused on a process's device.
  static func refused(_ error: VFIOError, pid: Int32) -> AttachmentError {
    error.errno == .notPermitted ? .noRights(pid: pid) : .vfio(error)
  }
}

extension AttachmentError {
  /// No process that may be looked into holds a vGPU.
  package static func unheld(_ name: AssignedDevice) -> AttachmentError {
    switch name {
    case .mdev(let uuid): .notHeld(uuid)
    case .pci(let address): .function(address, .notHeld)
    }
  }

  /// The vGPU is in use by a process whose descriptors may not be seen.
  static func hidden(_ name: AssignedDevice) -> AttachmentError {
    switch name {
    case .mdev(let uuid): .heldUnseen(uuid)
    case .pci(let address): .function(address, .heldUnseen)
    }
  }

  /// A process holds several devices, and the kernel does not tell which of them is the vGPU.
  static func unidentified(_ name: AssignedDevice, in pid: Int32) -> AttachmentError {
    switch name {
    case .mdev(let uuid): .unidentified(uuid, pid: pid)
    case .pci(let address): .function(address, .unidentified(pid: pid))
    }
  }

  /// The vGPU that no process holds, when that is the error.
  var unheldDevice: AssignedDevice? {
    switch self {
    case .notHeld(let uuid): .mdev(uuid)
    case .function(let address, .notHeld): .pci(address)
    default: nil
    }
  }

  /// Whether somebody with more rights might see more.
  package var mayBeAboutRights: Bool {
    // Who may look into every process has seen that none has the vGPU.
    errorClass == .notPermitted
      || unheldDevice != nil && ProcessStatus("self")?.canTraceOthers == false
  }

  /// The vGPU that does not exist, when that is the error.
  var missingDevice: AssignedDevice? {
    switch self {
    case .noSuchVGPU(let uuid, _): .mdev(uuid)
    case .function(let address, .missing), .function(let address, .ofHost),
      .function(let address, .untyped):
      .pci(address)
    default: nil
    }
  }
}

extension AttachmentError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .noSuchVGPU, .noSuchProcess, .noSuchDescriptor, .otherDevice: .notFound
    case .function(_, let defect): defect.errorClass
    case .notHeld: .notRunning
    case .heldUnseen, .noRights: .notPermitted
    case .noDevice, .noDisplay, .noDisplayOfVGPUs, .noScreen: .noDisplay
    case .severalDisplays, .unidentified: .ambiguous
    case .notControlled: .argument
    case .screen(let failure): failure.errorClass
    case .noMonitor, .monitorTooLarge: .unsupported
    case .libvirt(let error): error.errorClass
    case .vfio(let error): error.errorClass
    case .host(let error): error.errorClass
    case .bridge(let error): error.errorClass
    case .demo(let error): error.errorClass
    }
  }
}

extension AttachmentError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .noSuchVGPU(let uuid, let existing) where existing.isEmpty:
      "mdev:\(uuid): no such vGPU; there is none on this host: make one with `vgpu create`"
    case .noSuchVGPU(let uuid, let existing):
      """
      mdev:\(uuid): no such vGPU; there \(existing.count == 1 ? "is" : "are") \
      \(existing.prefix(4).map(\.description).joined(separator: ", "))\
      \(existing.count > 4 ? ", …" : "") (see `vgpu list`)
      """
    case .notHeld(let uuid):
      """
      mdev:\(uuid): no process that you may look into uses the vGPU; start its guest, or, if it \
      runs, look at it as its user or as root
      """
    case .noSuchProcess(let pid):
      "pid:\(pid): no such process"
    case .heldUnseen(let uuid):
      """
      mdev:\(uuid): the vGPU is in use by a process whose descriptors you may not see, another \
      user's or in a container: run as its user or as root on the host
      """
    case .noRights(let pid, let defect):
      "pid:\(pid): you may not look into the process: \(defect)"
    case .noDevice(let pid):
      "pid:\(pid): the process holds no VFIO device; give its guest a vGPU (QEMU: -device vfio-pci)"
    case .noDisplay(let pid, let descriptors):
      "pid:\(pid): none of the process's VFIO devices (\(Self.list(descriptors))) has a display"
    case .noDisplayOfVGPUs(let pid, let vGPUs):
      """
      pid:\(pid): none of the process's vGPUs (\(vGPUs.map(\.description).joined(separator: ", "))) \
      has a display
      """
    case .unidentified(let uuid, let pid):
      """
      mdev:\(uuid): process \(pid) holds several devices, and Linux before 5.15 does not tell which \
      of them is this vGPU: look at one with pid:\(pid) and --device, or run a newer kernel
      """
    case .severalDisplays(let pid, let descriptors):
      """
      pid:\(pid): the process shows \(descriptors.count) displays: choose one with --device \
      \(descriptors.map(String.init).joined(separator: "|"))
      """
    case .noSuchDescriptor(let number, let pid, let descriptors):
      """
      pid:\(pid): descriptor \(number) is no VFIO device of the process; its VFIO devices: \
      \(Self.list(descriptors))
      """
    case .otherDevice(let uuid, let name):
      "mdev:\(uuid): the descriptor belongs to \(name): pass the descriptor of this vGPU"
    case .function(let address, let defect):
      "pci:\(address): \(defect.description(of: address))"
    case .screen(let failure): failure.description
    case .noScreen(let name):
      "\(name): nothing here shows this guest's screen; `vgpu info` says why"
    case .noMonitor(let name):
      """
      \(name): the driver has no EDID region, so the guest's resolution cannot be asked for; set it \
      inside the guest
      """
    case .notControlled(let name):
      "\(name): attached without controlsMonitor, so nothing is written to the device; attach with it"
    case .monitorTooLarge(let name, let width, let height, let most):
      """
      \(name): \(width)x\(height) pixels are too many, because this type of vGPU allows at most \
      \(most); ask for a smaller size, or create a vGPU of a larger type
      """
    case .libvirt(let error):
      error.description
    case .bridge(let error):
      error.description
    case .vfio(let error):
      error.description
    case .host(let error):
      "\(error)"
    case .demo(let error):
      error.description
    }
  }

  private static func list(_ descriptors: [Int32]) -> String {
    descriptors.isEmpty
      ? "none" : "descriptor " + descriptors.map(String.init).joined(separator: ", ")
  }
}

/// Why a target's screen is not shown, as a text: a provider's that this library does not know, or an error's
/// with advice.
public struct ScreenFailure: Error, Sendable, CustomStringConvertible {
  /// One line: object, cause, remedy.
  public let description: String
  package let errorClass: ErrorClass

  package init(_ description: String, _ errorClass: ErrorClass) {
    self.description = description
    self.errorClass = errorClass
  }
}
