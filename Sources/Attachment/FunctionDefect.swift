// SPDX-License-Identifier: Apache-2.0

import ErrorKinds
import HostDevices

/// Why a PCI function's screen cannot be looked at. Each case's description is the cause and the remedy
/// of an error's line.
@nonexhaustive
public enum FunctionDefect: Hashable, Sendable {
  /// No function has this address.
  case missing
  /// A driver of the host's has it, or none.
  case ofHost(driver: String?)
  /// It is a virtual function of an NVIDIA GPU without a type, and so no vGPU.
  case untyped
  /// No process whose descriptors may be seen holds it.
  case notHeld
  /// It is in use by a process whose descriptors may not be seen.
  case heldUnseen
  /// The process holds several devices, and the kernel does not tell which device is the function.
  case unidentified(pid: Int32)
  /// The driver shows nothing of it to the host.
  case noDisplay(driver: String?)
}

extension FunctionDefect {
  /// That a function has no display, when that is known without a look. The kernel's own drivers that
  /// hand functions to guests have no display interface, whatever the function is.
  static func error(knownOf name: AssignedDevice, on host: HostHardware) -> AttachmentError? {
    guard case .pci(let address) = name, let driver = host.pciFunction(at: address)?.driver,
      ["vfio-pci", "xe-vfio-pci"].contains(driver)
    else { return nil }
    return .function(address, .noDisplay(driver: driver))
  }

  /// The defect of a function that is no vGPU; `nil` for one that is.
  init?(_ address: PCIAddress, on host: HostHardware) {
    if host.pciVGPU(at: address) != nil { return nil }
    guard let function = host.pciFunction(at: address) else {
      self = .missing
      return
    }
    self = function.isForGuests ? .untyped : .ofHost(driver: function.driver)
  }

  var errorClass: ErrorClass {
    switch self {
    case .missing: .notFound
    case .ofHost, .untyped, .notHeld: .notRunning
    case .heldUnseen: .notPermitted
    case .unidentified: .ambiguous
    case .noDisplay: .noDisplay
    }
  }

  /// - Parameter address: the function's.
  func description(of address: PCIAddress) -> String {
    switch self {
    case .missing:
      "no such PCI function; `vgpu list` lists the GPUs that guests can have, `vgpu pci list` all"
    case .ofHost(let driver?):
      """
      driver \(driver) has it for the host, so no guest has it; hand it to guests first (vgpu pci bind \
      \(address) vfio-pci)
      """
    case .ofHost(nil):
      "no driver has it, so no guest has it; hand it to guests first (vgpu pci bind \(address) vfio-pci)"
    case .untyped:
      """
      the virtual function has no type, so it is no vGPU yet; give it one with `vgpu create` (`vgpu \
      types` lists the types)
      """
    case .notHeld:
      """
      no process that you may look into uses it; start its guest, or, if it runs, look at it as its \
      user or as root
      """
    case .heldUnseen:
      """
      it is in use by a process whose descriptors you may not see, another user's or in a container: \
      run as its user or as root on the host
      """
    case .unidentified(let pid):
      """
      process \(pid) holds several devices, and this kernel does not tell which of them it is: look at \
      one with pid:\(pid) and --device, or run Linux 6.17 or newer
      """
    case .noDisplay(let driver):
      """
      \(driver.map { "driver \($0)" } ?? "its driver") shows the host nothing of it: look at a monitor \
      on the card, or give the guest a display of QEMU's beside it (-device virtio-gpu-pci -display \
      dbus,p2p=yes), which vgpu shows by this target too
      """
    }
  }
}
