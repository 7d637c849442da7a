// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// A VFIO group (`/dev/vfio/N`): the devices that one IOMMU group holds. Only one process at a time
/// can have it open.
///
/// The descriptor is closed when this value ends; devices that were opened meanwhile keep the
/// group in use.
public struct Group: ~Copyable {
  let fd: OwnedFileDescriptor
  /// The device node, such as `/dev/vfio/12`.
  public let path: String

  /// Opens a group and checks that it is viable (VFIO_GROUP_GET_STATUS): no device of the group may
  /// be bound to a host driver.
  ///
  /// - Parameters:
  ///   - number: the IOMMU group's number in sysfs.
  ///   - directory: where the nodes are.
  ///   - kernel: answers the system calls, for tests.
  /// - Throws: `VFIOError.system` when the node cannot be opened, `VFIOError.groupNotViable`.
  public init(
    number: Int, directory: String = "/dev/vfio", kernel: any Kernel = RunningKernel()
  ) throws(VFIOError) {
    try self.init(path: "\(directory)/\(number)", kernel: kernel)
  }

  /// Opens a group by a node elsewhere, such as `/dev/vfio/noiommu-0`.
  ///
  /// - Throws: as `init(number:directory:kernel:)` does.
  public init(path: String, kernel: any Kernel = RunningKernel()) throws(VFIOError) {
    let fd = try vfio { () throws(SystemCallError) in
      try OwnedFileDescriptor.open(path, flags: O_RDWR, kernel: kernel)
    }
    let status = try Self.status(of: fd, path: path)
    guard status.contains(.viable) else { throw .groupNotViable(group: path) }
    self.fd = fd
    self.path = path
  }

  /// Duplicates a group's descriptor out of a running process (pidfd_getfd(2), Linux 5.6), which
  /// takes the same rights as duplicating a device's descriptor. The group stays open, and so in
  /// use, until this value ends too.
  ///
  /// - Parameters:
  ///   - number: the descriptor's number in the process; `ProcessDevices` finds it.
  ///   - process: the process.
  ///   - device: the group's device number, file `dev` in `/sys/class/vfio/N`. The duplicated file
  ///     must have this number.
  /// - Throws: `VFIOError.system`: as `Device.init(duplicating:of:name:)` does, EBADF also when the
  ///   descriptor belongs to something else by now.
  public init(
    duplicating number: Int32, of process: RunningProcess, device: DeviceNumber
  ) throws(VFIOError) {
    let path = "process \(process.pid), descriptor \(number)"
    fd = try vfio { () throws(SystemCallError) in
      let fd = try process.duplicate(descriptor: number)
      guard try fd.status(of: path) == .characterDevice(device) else {
        throw SystemCallError(call: "pidfd_getfd", object: path, errno: .badFileDescriptor)
      }
      return fd
    }
    self.path = path
  }

  /// The descriptor, for KVM (`KVMFiles.add`) or for a process that will inherit it. It is borrowed: never
  /// close it.
  public var rawValue: Int32 { fd.rawValue }

  /// Gives up the group's descriptor: the caller closes it from now on.
  public consuming func release() -> OwnedFileDescriptor { fd }

  /// The answer of VFIO_GROUP_GET_STATUS.
  public struct Status: OptionSet, Sendable {
    /// The bits of `vfio_group_status.flags`.
    public let rawValue: UInt32

    /// Makes a set from its bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// No device of the group is bound to a host driver.
    public static let viable = Status(rawValue: UInt32(VFIO_GROUP_FLAGS_VIABLE))
    /// The group is in a container.
    public static let hasContainer = Status(rawValue: UInt32(VFIO_GROUP_FLAGS_CONTAINER_SET))
  }

  /// VFIO_GROUP_GET_STATUS.
  ///
  /// - Throws: `VFIOError.system`.
  public func status() throws(VFIOError) -> Status {
    try Self.status(of: fd, path: path)
  }

  private static func status(
    of fd: borrowing OwnedFileDescriptor, path: String
  ) throws(VFIOError) -> Status {
    var status = vfio_group_status()
    status.argsz = UInt32(MemoryLayout<vfio_group_status>.size)
    try fd.ioctl("VFIO_GROUP_GET_STATUS", vgpu_VFIO_GROUP_GET_STATUS, on: path, &status)
    return Status(rawValue: status.flags)
  }

  /// VFIO_GROUP_SET_CONTAINER: puts the group into a container. Put the first group into a
  /// container before you call `setIOMMU` on it.
  ///
  /// - Throws: `VFIOError.system`: EINVAL when the group is in a container already.
  public func setContainer(_ container: borrowing Container) throws(VFIOError) {
    var number = container.fd.rawValue
    try fd.ioctl("VFIO_GROUP_SET_CONTAINER", vgpu_VFIO_GROUP_SET_CONTAINER, on: path, &number)
  }

  /// VFIO_GROUP_UNSET_CONTAINER: takes the group out again; all its devices must be closed.
  ///
  /// - Throws: `VFIOError.system`: EBUSY while a device of it is open.
  public func unsetContainer() throws(VFIOError) {
    try fd.ioctl("VFIO_GROUP_UNSET_CONTAINER", vgpu_VFIO_GROUP_UNSET_CONTAINER, on: path)
  }

  /// VFIO_GROUP_GET_DEVICE_FD: opens a device of the group. The group must be in a container whose
  /// IOMMU model is set.
  ///
  /// - Parameter name: the device's name on the bus: a PCI address (`0000:00:02.0`) or an mdev's
  ///   UUID.
  /// - Throws: `VFIOError.system`: ENODEV when the group holds no device of that name, EINVAL
  ///   before `setIOMMU`, or the refusal of the device's driver.
  public func device(named name: String) throws(VFIOError) -> Device {
    try device(named: name, asking: name)
  }

  /// - Parameter text: the name, and what goes with it.
  func device(named name: String, asking text: String) throws(VFIOError) -> Device {
    let kernel = fd.kernel
    let number = fd.rawValue
    var copy = text
    let answer = copy.withUTF8 { utf8 in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: utf8.count + 1) { cString in
        _ = cString.update(fromContentsOf: utf8)
        cString[utf8.count] = 0
        return SystemCall.uninterrupted {
          kernel.ioctl(number, vgpu_VFIO_GROUP_GET_DEVICE_FD, cString.baseAddress)
        }
      }
    }
    let device = try vfio { () throws(SystemCallError) in
      let fd = try SystemCall.make("VFIO_GROUP_GET_DEVICE_FD", on: "\(name) in \(path)") { answer }
      return OwnedFileDescriptor(owning: Int32(fd), kernel: kernel)
    }
    return try Device(owning: device, name: name)
  }
}
