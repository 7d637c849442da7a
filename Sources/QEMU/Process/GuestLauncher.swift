// SPDX-License-Identifier: Apache-2.0

import CLinux
import HostDevices
public import LinuxSystem
import SystemPackage

/// Starts guests.
public struct GuestLauncher: Sendable {
  /// The QEMU to start.
  public let program: QEMUProgram

  /// Makes a launcher for this QEMU.
  public init(program: QEMUProgram) { self.program = program }

  /// A guest that was started.
  public struct Guest: ~Copyable {
    /// The QEMU process.
    public let process: GuestProcess
    /// How QEMU got the vGPU.
    public let handover: DeviceHandover
    /// The launcher's own duplicate of the device that QEMU got, to read the device's display. It
    /// gives no more rights than the launcher has. It is `nil` when QEMU opened the group. The
    /// device answers nothing until QEMU binds it at its start. Close the descriptor when QEMU
    /// ends, because the kernel keeps a device busy while anyone holds it.
    public var device: OwnedFileDescriptor?
  }

  /// The descriptors that QEMU gets, by their numbers in QEMU.
  private static let handedOver = DeviceHandover.descriptors(device: 3, iommufd: 4)

  /// How QEMU will get a guest's vGPU.
  public func handover(for configuration: GuestConfiguration) -> DeviceHandover {
    program.takesDescriptors && configuration.vGPU?.deviceNode != nil
      && access("/dev/iommu", R_OK | W_OK) == 0
      ? Self.handedOver : .opensGroup
  }

  /// The device nodes that QEMU gets for a guest, with their descriptor numbers in QEMU; empty when
  /// QEMU opens the group.
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
  ///   - configuration: the guest's configuration.
  ///   - log: a descriptor for the output of QEMU and of the guest's serial ports; borrowed.
  /// - Throws: `QEMUError` when a node cannot be opened or the program cannot be started. QEMU
  ///   writes its own errors to the log, and ends.
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
    // Do not bind the device here: QEMU binds it to the iommufd that it gets.
    let device = try Self.open(node)
    let iommufd = try Self.open("/dev/iommu")
    let process = try GuestProcess(
      program.path, arguments, output: log, descriptors: [device.rawValue, iommufd.rawValue])
    return Guest(process: process, handover: handover, device: device)
  }
}
