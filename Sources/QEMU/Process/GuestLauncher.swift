// SPDX-License-Identifier: Apache-2.0

import CLinux
import HostDevices
public import LinuxSystem
import SystemPackage

/// Starts guests.
public struct GuestLauncher: Sendable {
  /// The QEMU that is started.
  public let program: QEMUProgram

  /// Starts guests with this QEMU.
  public init(program: QEMUProgram) { self.program = program }

  /// A guest that was started.
  public struct Guest: ~Copyable {
    /// Its QEMU.
    public let process: GuestProcess
    /// How that came by the vGPU.
    public let handover: DeviceHandover
    /// The launcher's own duplicate of the device that QEMU was handed, to look at its display
    /// with and no right more than the launcher has; `nil` when QEMU opened the group. QEMU binds
    /// it as it starts, until when it can be asked nothing. Let go of it when QEMU ends: the kernel
    /// keeps a device busy as long as anyone holds it.
    public var device: OwnedFileDescriptor?
  }

  /// What QEMU is handed, by the numbers that it has there.
  private static let handedOver = DeviceHandover.descriptors(device: 3, iommufd: 4)

  /// How QEMU will come by a guest's vGPU.
  public func handover(for configuration: GuestConfiguration) -> DeviceHandover {
    program.takesDescriptors && configuration.vGPU?.deviceNode != nil
      && access("/dev/iommu", R_OK | W_OK) == 0
      ? Self.handedOver : .opensGroup
  }

  /// What QEMU is handed for a guest, by the descriptors' numbers; nothing when it opens the group.
  public func nodes(for configuration: GuestConfiguration) -> [(number: Int32, path: String)] {
    guard case .descriptors(let device, let iommufd) = handover(for: configuration),
      let node = configuration.vGPU?.deviceNode
    else { return [] }
    return [(device, node), (iommufd, "/dev/iommu")]
  }

  private static func open(_ node: String) throws(QEMUError) -> OwnedFileDescriptor {
    do {
      return try OwnedFileDescriptor.open(node, flags: O_RDWR)
    } catch {
      throw .system(
        error.advising("run as root, or let a udev rule give your user the device node"))
    }
  }

  /// Starts a guest.
  ///
  /// - Parameters:
  ///   - configuration: what it is to be.
  ///   - log: a descriptor for what QEMU and the guest's serial ports say; borrowed.
  /// - Throws: `QEMUError` when a node cannot be opened or the program not be started. What QEMU
  ///   itself finds wrong it says in the log, and ends.
  public func start(
    _ configuration: GuestConfiguration, log: Int32
  ) throws(QEMUError) -> Guest {
    let handover = handover(for: configuration)
    let arguments = configuration.arguments(handover)
    guard handover == Self.handedOver, let node = configuration.vGPU?.deviceNode else {
      return Guest(
        process: try GuestProcess(program.path, arguments, output: log, descriptors: []),
        handover: handover, device: nil)
    }
    // Not bound here: QEMU binds the device to the iommufd that it is handed.
    let device = try Self.open(node)
    let iommufd = try Self.open("/dev/iommu")
    let process = try GuestProcess(
      program.path, arguments, output: log, descriptors: [device.rawValue, iommufd.rawValue])
    return Guest(process: process, handover: handover, device: device)
  }
}
