// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// A VFIO device with every right that its file descriptor gives: registers, DMA, interrupts,
/// reset.
///
/// It is for a VM manager. A program that only shows the screen takes a `DisplayDevice`, which has
/// none of these rights. The descriptor is closed when this value ends.
public struct Device: ~Copyable {
  let fd: OwnedFileDescriptor
  /// The device's name in errors: a PCI address, an mdev's UUID, a path.
  public let name: String
  /// The device's description of itself (VFIO_DEVICE_GET_INFO).
  public let info: DeviceInfo
  /// The device's number within the iommufd that this value has bound it to; `nil` for a device that was
  /// opened by its group or elsewhere.
  public let iommufdID: UInt32?

  /// Takes over an open device descriptor: received over a socket, inherited, or made elsewhere.
  ///
  /// - Throws: `VFIOError.system` with ENOTTY when the descriptor belongs to no VFIO device.
  public init(owning fd: consuming OwnedFileDescriptor, name: String) throws(VFIOError) {
    try self.init(owning: fd, name: name, iommufdID: nil)
  }

  init(
    owning fd: consuming OwnedFileDescriptor, name: String, iommufdID: UInt32?
  ) throws(VFIOError) {
    try Self.checkKind(of: fd, name: name)
    let answer = try fd.growingQuery(
      "VFIO_DEVICE_GET_INFO", vgpu_VFIO_DEVICE_GET_INFO, on: name, vfio_device_info())
    info = try DeviceInfo(answer, object: name)
    self.name = name
    self.iommufdID = iommufdID
    self.fd = fd
  }

  /// Accepts only files that a kernel driver made. A file on a user's file system (FUSE) would pass
  /// every ioctl on to that user's server. The server could answer anything, even the number of a
  /// descriptor of this process, or never answer.
  private static func checkKind(
    of fd: borrowing OwnedFileDescriptor, name: String
  ) throws(VFIOError) {
    let status: FileStatus
    do {
      status = try fd.status(of: name)
    } catch {
      throw .system(error)
    }
    if case .other = status {
      throw .system(
        SystemCallError(
          call: "VFIO_DEVICE_GET_INFO", object: name, errno: .inappropriateIOCTLForDevice,
          remedy: "it is no device"))
    }
  }

  /// Opens a device by its own node, `/dev/vfio/devices/vfioN`, and binds it to an iommufd
  /// (VFIO_DEVICE_BIND_IOMMUFD, Linux 6.6). The device has no DMA until `attach`. `DeviceNode` does it in two
  /// steps.
  ///
  /// - Throws: `VFIOError.system`: EBUSY when the device is open by its group, EINVAL when another
  ///   process has bound it.
  public init(
    cdev path: String, iommufd: borrowing IOMMUFD, kernel: any Kernel = RunningKernel()
  ) throws(VFIOError) {
    self = try DeviceNode(path: path, kernel: kernel).bind(to: iommufd)
  }

  /// Duplicates a device descriptor out of a running process (pidfd_getfd(2), Linux 5.6).
  ///
  /// The caller needs the right to trace the process: the same user with yama's ptrace_scope at 0,
  /// or CAP_SYS_PTRACE. The process keeps its own descriptor and notices nothing.
  ///
  /// - Parameters:
  ///   - number: the descriptor's number in the process; `ProcessDevices` finds it.
  ///   - process: the process.
  ///   - name: the device's name in errors.
  /// - Throws: `VFIOError.system`: EPERM without that right, ESRCH when the process has ended,
  ///   EBADF when it has closed the descriptor, ENOTTY when the descriptor belongs to no VFIO
  ///   device.
  public init(
    duplicating number: Int32, of process: RunningProcess, name: String
  ) throws(VFIOError) {
    let duplicate = try vfio { () throws(SystemCallError) in
      try process.duplicate(descriptor: number)
    }
    try self.init(owning: duplicate, name: name)
  }

  /// Receives a device descriptor over a Unix socket (SCM_RIGHTS). The bytes that come with it are
  /// dropped. A program with a protocol of its own receives the descriptor by that protocol and
  /// calls `init(owning:name:)`.
  ///
  /// - Parameters:
  ///   - socket: a connected socket of any type; borrowed.
  ///   - name: the device's name in errors.
  ///   - kernel: answers the system calls, for tests.
  /// - Throws: `VFIOError.system` of recvmsg(2), or with ENOTTY when the descriptor belongs to no
  ///   VFIO device; `.malformed` when no descriptor comes.
  public init(
    receivingFrom socket: Int32, name: String, kernel: any Kernel = RunningKernel()
  ) throws(VFIOError) {
    var fds: [Int32] = []
    try vfio { () throws(SystemCallError) in
      try SystemCall.make("recvmsg", on: name) {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) {
          kernel.receive(socket, $0, fds: &fds)
        }
      }
    }
    for surplus in fds.dropFirst() { _ = kernel.close(surplus) }
    guard let fd = fds.first else {
      throw .malformed(object: name, reason: "a message without a file descriptor")
    }
    try self.init(owning: OwnedFileDescriptor(owning: fd, kernel: kernel), name: name)
  }

  /// Sends a duplicate of the descriptor over a Unix socket, with one byte (SCM_RIGHTS). The
  /// receiver gets every right that this value has.
  ///
  /// - Throws: `VFIOError.system` of sendmsg(2).
  public func send(to socket: Int32) throws(VFIOError) {
    let byte: [UInt8] = [0]
    try vfio { () throws(SystemCallError) in
      try SystemCall.make("sendmsg", on: name) {
        byte.withUnsafeBytes { fd.kernel.send(socket, $0, fd: fd.rawValue) }
      }
    }
  }

  /// The descriptor, for a process that will inherit it. It is borrowed: never close it.
  public var rawValue: Int32 { fd.rawValue }

  /// Another descriptor of the same open file, for comparing or for passing on. It gives every
  /// right that this value has.
  ///
  /// - Throws: `VFIOError.system` when this process may have no more descriptors.
  public func duplicate() throws(VFIOError) -> OwnedFileDescriptor {
    try vfio { () throws(SystemCallError) in try fd.duplicate(of: name) }
  }

  /// A second handle that can only look, with a descriptor of its own.
  ///
  /// - Throws: `VFIOError.system` when this process may have no more descriptors.
  public func displayDevice() throws(VFIOError) -> DisplayDevice {
    DisplayDevice(owning: try duplicate(), name: name)
  }

  /// A second handle for the monitor that the guest sees plugged in, with a descriptor of its own;
  /// `nil` when the device has no EDID region.
  ///
  /// - Throws: `VFIOError.system`, or `.malformed` when the EDID region contradicts itself.
  public func monitorPort() throws(VFIOError) -> MonitorPort? {
    let kind = RegionInfo.Kind.edid
    for index in 0..<info.regionCount {
      guard let region = try existingRegion(index), region.kind == kind else { continue }
      return try MonitorPort(owning: try duplicate(), region: region, name: name)
    }
    return nil
  }

  /// A region; `nil` for one that is counted and not there, as vfio-pci has them: the legacy VGA ranges of
  /// a function that is no VGA device.
  private func existingRegion(_ index: UInt32) throws(VFIOError) -> RegionInfo? {
    do throws(VFIOError) {
      return try regionInfo(index)
    } catch {
      guard case .system(let cause) = error, cause.errno == .invalidArgument else { throw error }
      return nil
    }
  }

  // MARK: IO address spaces

  /// VFIO_DEVICE_ATTACH_IOMMUFD_PT: gives a device that was opened by its own node an IO address
  /// space. Attaching again replaces the previous space.
  ///
  /// - Throws: `VFIOError.system` for a device that was opened by its group.
  public func attach(to space: IOMMUFD.AddressSpace) throws(VFIOError) {
    try attach(nil, space)
  }

  /// VFIO_DEVICE_DETACH_IOMMUFD_PT: takes the IO address space away again.
  ///
  /// - Throws: `VFIOError.system` for a device that was opened by its group.
  public func detach() throws(VFIOError) { try detach(nil) }

  /// VFIO_DEVICE_ATTACH_IOMMUFD_PT with VFIO_DEVICE_ATTACH_PASID (after Linux 6.12): gives one process address
  /// space (PASID) of the device an IO address space.
  ///
  /// - Throws: `VFIOError.system`: EOPNOTSUPP when the device has no PASIDs; ENOTTY or EINVAL on a kernel
  ///   without them.
  public func attach(pasid: UInt32, to space: IOMMUFD.AddressSpace) throws(VFIOError) {
    try attach(pasid, space)
  }

  /// VFIO_DEVICE_DETACH_IOMMUFD_PT with VFIO_DEVICE_DETACH_PASID (after Linux 6.12): takes a PASID's IO address
  /// space away again.
  ///
  /// - Throws: as `attach(pasid:to:)`.
  public func detach(pasid: UInt32) throws(VFIOError) { try detach(pasid) }

  // A kernel without PASIDs knows the shorter structures alone.

  private func attach(_ pasid: UInt32?, _ space: IOMMUFD.AddressSpace) throws(VFIOError) {
    var attachment = vgpu_vfio_attach_iommufd_pasid()
    attachment.argsz = UInt32(MemoryLayout<vgpu_vfio_attach_iommufd_pt>.size)
    attachment.pt_id = space.id
    if let pasid {
      attachment.argsz = UInt32(MemoryLayout<vgpu_vfio_attach_iommufd_pasid>.size)
      attachment.flags = UInt32(vgpu_VFIO_DEVICE_ATTACH_PASID)
      attachment.pasid = pasid
    }
    try fd.ioctl(
      "VFIO_DEVICE_ATTACH_IOMMUFD_PT", vgpu_VFIO_DEVICE_ATTACH_IOMMUFD_PT, on: name, &attachment)
  }

  private func detach(_ pasid: UInt32?) throws(VFIOError) {
    var detachment = vgpu_vfio_detach_iommufd_pasid()
    detachment.argsz = UInt32(MemoryLayout<vgpu_vfio_detach_iommufd_pt>.size)
    if let pasid {
      detachment.argsz = UInt32(MemoryLayout<vgpu_vfio_detach_iommufd_pasid>.size)
      detachment.flags = UInt32(vgpu_VFIO_DEVICE_DETACH_PASID)
      detachment.pasid = pasid
    }
    try fd.ioctl(
      "VFIO_DEVICE_DETACH_IOMMUFD_PT", vgpu_VFIO_DEVICE_DETACH_IOMMUFD_PT, on: name, &detachment)
  }
}

/// A device's own node (`/dev/vfio/devices/vfioN`, Linux 6.6) that is open, and bound to no iommufd yet: until
/// then the kernel lets nobody use the device. The descriptor is closed when this value ends.
public struct DeviceNode: ~Copyable {
  private let fd: OwnedFileDescriptor
  /// The node's path.
  public let path: String

  /// Opens it.
  ///
  /// - Throws: `VFIOError.system` of open(2).
  public init(path: String, kernel: any Kernel = RunningKernel()) throws(VFIOError) {
    fd = try vfio { () throws(SystemCallError) in
      try OwnedFileDescriptor.open(path, flags: O_RDWR, kernel: kernel)
    }
    self.path = path
  }

  /// The descriptor, for KVM (`KVMFiles.add`). It is borrowed: never close it.
  public var rawValue: Int32 { fd.rawValue }

  /// Binds the device to an iommufd (VFIO_DEVICE_BIND_IOMMUFD, Linux 6.6). The device has no DMA until
  /// `Device.attach`.
  ///
  /// - Parameters:
  ///   - iommufd: the iommufd.
  ///   - vfToken: the token of a virtual function's physical function (`Device.setVFToken`)
  ///     (VFIO_DEVICE_BIND_FLAG_TOKEN, after Linux 6.12); `nil` for none.
  /// - Throws: `VFIOError.system`: EBUSY when the device is open by its group, EINVAL when another
  ///   process has bound it, EACCES for another token.
  public consuming func bind(
    to iommufd: borrowing IOMMUFD, vfToken: VFToken? = nil
  ) throws(VFIOError) -> Device {
    var binding = vgpu_vfio_bind_iommufd_token()
    // A kernel without tokens knows the shorter structure alone.
    binding.argsz = UInt32(MemoryLayout<vgpu_vfio_bind_iommufd>.size)
    binding.iommufd = iommufd.rawValue
    if vfToken != nil {
      binding.argsz = UInt32(MemoryLayout<vgpu_vfio_bind_iommufd_token>.size)
      binding.flags = UInt32(vgpu_VFIO_DEVICE_BIND_FLAG_TOKEN)
    }
    try (vfToken?.bytes ?? []).withUnsafeBufferPointer { (bytes) throws(VFIOError) in
      if vfToken != nil { binding.token_uuid_ptr = UInt64(UInt(bitPattern: bytes.baseAddress)) }
      _ = try fd.ioctl(
        "VFIO_DEVICE_BIND_IOMMUFD", vgpu_VFIO_DEVICE_BIND_IOMMUFD, on: path, &binding)
    }
    return try Device(owning: fd, name: path, iommufdID: binding.out_devid)
  }
}

/// A device together with the other descriptors that its owner, a VM manager, must hold. The
/// device's DMA reaches no memory until memory is mapped for it.
///
/// The descriptors are closed when this value ends.
public struct OwnedDevice: ~Copyable {
  /// The device.
  public let device: Device
  // The group's descriptor also tells other programs which device a process has.
  private let container: Container?
  private let group: Group?

  /// Opens a device by its own node, such as `/dev/vfio/devices/vfio0`, and gives it an IO address
  /// space of an iommufd of its own.
  ///
  /// - Throws: `VFIOError.system`, as `IOMMUFD` and `Device.init(cdev:iommufd:kernel:)` do.
  public init(cdev path: String) throws(VFIOError) {
    let iommufd = try IOMMUFD()
    let device = try Device(cdev: path, iommufd: iommufd)
    try device.attach(to: try iommufd.makeAddressSpace())
    self.device = device
    container = nil
    group = nil
  }

  /// Opens a device by its group, in a container of its own.
  ///
  /// - Parameters:
  ///   - name: the device's name on the bus: a PCI address or an mdev's UUID.
  ///   - group: the IOMMU group's number in sysfs.
  /// - Throws: `VFIOError`, as `Container` and `Group` do.
  public init(named name: String, inGroup group: Int) throws(VFIOError) {
    let container = try Container()
    let group = try Group(number: group)
    try group.setContainer(container)
    try container.setIOMMU(.type1v2)
    device = try group.device(named: name)
    self.container = consume container
    self.group = consume group
  }
}
