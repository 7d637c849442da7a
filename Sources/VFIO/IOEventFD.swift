// SPDX-License-Identifier: Apache-2.0

import CLinux

extension Device {
  /// VFIO_DEVICE_IOEVENTFD: the kernel makes a register write of its own each time an eventfd is
  /// signalled, so that a guest's doorbell need not pass through the VM manager.
  ///
  /// - Parameters:
  ///   - region: the region that holds the register.
  ///   - start: the register, in bytes from the region's start.
  ///   - value: what is written; its size is the access size.
  ///   - eventFD: an eventfd(2) descriptor, borrowed; `nil` ends what was set before for the same
  ///     register and value.
  /// - Throws: `VFIOError.system`: EINVAL for registers that the driver keeps for itself, ENOSPC
  ///   when it has no more; `.outOfRange` for a register of another size than 1, 2, 4 or 8 bytes.
  public func setIOEventFD<Integer: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ region: RegionInfo, at start: UInt64, value: Integer, eventFD: Int32?
  ) throws(VFIOError) {
    let size = MemoryLayout<Integer>.size
    guard [1, 2, 4, 8].contains(size) else {
      throw .outOfRange(object: name, reason: "a register access of \(size) bytes")
    }
    let position = try fd.position(of: start, count: size, in: region, right: .write, name: name)
    var request = vfio_device_ioeventfd()
    request.argsz = UInt32(MemoryLayout<vfio_device_ioeventfd>.size)
    // VFIO_DEVICE_IOEVENTFD_8 to _64 are the bits whose number is the size's logarithm: the size itself.
    request.flags = UInt32(size)
    request.offset = position
    request.data = UInt64(value)
    request.fd = eventFD ?? -1
    try fd.ioctl("VFIO_DEVICE_IOEVENTFD", vgpu_VFIO_DEVICE_IOEVENTFD, on: name, &request)
  }
}
