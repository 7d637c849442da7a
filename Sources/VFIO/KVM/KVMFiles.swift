// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem

/// KVM's list of a virtual machine's VFIO files (KVM_DEV_TYPE_VFIO). KVM must know them for devices that ask
/// for the virtual machine when they are opened, as Intel GVT-g does, and for DMA that caches do not see.
///
/// Add a group before its device is opened (`Group.device`), and a device's own node before it is bound
/// (`DeviceNode.bind`). What is on the list leaves it with this value.
///
/// ```swift
/// let files = try KVMFiles(ofMachine: machine)
/// let node = try DeviceNode(path: "/dev/vfio/devices/vfio0")
/// try files.add(node.rawValue)
/// let device = try node.bind(to: iommufd)
/// ```
public struct KVMFiles: ~Copyable {
  private let fd: OwnedFileDescriptor
  private static let name = "KVM's list of VFIO files"

  /// Makes the list (KVM_CREATE_DEVICE). A virtual machine has one.
  ///
  /// - Parameters:
  ///   - machine: the virtual machine's descriptor (KVM_CREATE_VM), borrowed.
  ///   - kernel: answers the system calls, for tests.
  /// - Throws: `VFIOError.system`: EBUSY when the machine has one, ENODEV on a kernel without.
  public init(ofMachine machine: Int32, kernel: any Kernel = RunningKernel()) throws(VFIOError) {
    var creation = vgpu_kvm_create_device()
    creation.type = UInt32(vgpu_KVM_DEV_TYPE_VFIO)
    try ioctl(
      "KVM_CREATE_DEVICE", vgpu_KVM_CREATE_DEVICE, on: Self.name, of: machine, kernel, &creation)
    fd = OwnedFileDescriptor(owning: Int32(bitPattern: creation.fd), kernel: kernel)
  }

  /// KVM_DEV_VFIO_FILE_ADD: adds a group or, with Linux 6.6, a device's own node.
  ///
  /// - Parameter file: its descriptor (`Group.rawValue`, `DeviceNode.rawValue`), borrowed: KVM keeps its own
  ///   reference.
  /// - Throws: `VFIOError.system`: EEXIST when the list has it, EINVAL for any other file.
  public func add(_ file: Int32) throws(VFIOError) {
    try set(file, vgpu_KVM_DEV_VFIO_FILE_ADD)
  }

  /// KVM_DEV_VFIO_FILE_DEL: takes a file off the list.
  ///
  /// - Throws: `VFIOError.system`: ENOENT when the list does not have it.
  public func remove(_ file: Int32) throws(VFIOError) {
    try set(file, vgpu_KVM_DEV_VFIO_FILE_DEL)
  }

  private func set(_ file: Int32, _ attribute: Int) throws(VFIOError) {
    var number = file
    try withUnsafePointer(to: &number) { (number) throws(VFIOError) in
      var request = vgpu_kvm_device_attr()
      request.group = UInt32(vgpu_KVM_DEV_VFIO_FILE)
      request.attr = UInt64(attribute)
      request.addr = UInt64(UInt(bitPattern: number))
      _ = try fd.ioctl("KVM_SET_DEVICE_ATTR", vgpu_KVM_SET_DEVICE_ATTR, on: Self.name, &request)
    }
  }
}
