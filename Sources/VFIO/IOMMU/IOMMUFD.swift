// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// An iommufd (`/dev/iommu`, Linux 6.2): the newer of VFIO's two interfaces, which hands IO address
/// spaces to devices that were opened by their own node (`Device.init(cdev:)`).
public struct IOMMUFD: ~Copyable {
  let fd: OwnedFileDescriptor
  let path: String

  /// The number of an IO address space (IOAS) within one iommufd.
  public struct AddressSpace: Hashable, Sendable {
    let id: UInt32
  }

  /// Opens `/dev/iommu`.
  ///
  /// - Throws: `VFIOError.system` of open(2): ENOENT on a kernel without iommufd.
  public init(path: String = "/dev/iommu", kernel: any Kernel = RunningKernel()) throws(VFIOError) {
    self.fd = try vfio { () throws(SystemCallError) in
      try OwnedFileDescriptor.open(path, flags: O_RDWR, kernel: kernel)
    }
    self.path = path
  }

  /// The descriptor, for a process that will inherit or receive it. It is borrowed: never close it.
  public var rawValue: Int32 { fd.rawValue }

  /// IOMMU_IOAS_ALLOC: an empty IO address space. It lives until `destroy` or until the iommufd
  /// and all devices bound to it are closed.
  ///
  /// - Throws: `VFIOError.system`.
  public func makeAddressSpace() throws(VFIOError) -> AddressSpace {
    var allocation = vgpu_iommu_ioas_alloc()
    allocation.size = UInt32(MemoryLayout<vgpu_iommu_ioas_alloc>.size)
    try fd.ioctl("IOMMU_IOAS_ALLOC", vgpu_IOMMU_IOAS_ALLOC, on: path, &allocation)
    return AddressSpace(id: allocation.out_ioas_id)
  }

  /// IOMMU_DESTROY: ends an address space that no device is attached to.
  ///
  /// - Throws: `VFIOError.system`: EBUSY while a device is attached, ENOENT when there is no such
  ///   space.
  public func destroy(_ space: AddressSpace) throws(VFIOError) {
    var destruction = vgpu_iommu_destroy()
    destruction.size = UInt32(MemoryLayout<vgpu_iommu_destroy>.size)
    destruction.id = space.id
    try fd.ioctl("IOMMU_DESTROY", vgpu_IOMMU_DESTROY, on: path, &destruction)
  }

  /// IOMMU_IOAS_MAP at a fixed address: lets attached devices reach `memory`.
  ///
  /// - Parameters:
  ///   - memory: page-aligned, a multiple of the page size long; it must stay mapped in this
  ///     process until `unmap`.
  ///   - address: the IO virtual address, page-aligned.
  ///   - space: an address space of this iommufd.
  ///   - access: how the devices may use it.
  /// - Throws: `VFIOError.system`: EEXIST when something is mapped there, ENOMEM beyond
  ///   RLIMIT_MEMLOCK.
  public func map(
    _ memory: UnsafeMutableRawBufferPointer, at address: UInt64, in space: AddressSpace,
    access: DMAAccess
  ) throws(VFIOError) {
    var map = vgpu_iommu_ioas_map()
    map.size = UInt32(MemoryLayout<vgpu_iommu_ioas_map>.size)
    map.flags = UInt32(vgpu_IOMMU_IOAS_MAP_FIXED_IOVA)
    if access.contains(.read) { map.flags |= UInt32(vgpu_IOMMU_IOAS_MAP_READABLE) }
    if access.contains(.write) { map.flags |= UInt32(vgpu_IOMMU_IOAS_MAP_WRITEABLE) }
    map.ioas_id = space.id
    map.user_va = UInt64(UInt(bitPattern: memory.baseAddress))
    map.length = UInt64(memory.count)
    map.iova = address
    try fd.ioctl("IOMMU_IOAS_MAP", vgpu_IOMMU_IOAS_MAP, on: path, &map)
  }

  /// IOMMU_IOAS_UNMAP: takes the mappings within the range away; the range may not cut one in two.
  ///
  /// - Returns: how many bytes were mapped there.
  /// - Throws: `VFIOError.system`: ENOENT when the range cuts a mapping in two.
  @discardableResult
  public func unmap(
    at address: UInt64, count: UInt64, in space: AddressSpace
  ) throws(VFIOError) -> UInt64 {
    var unmap = vgpu_iommu_ioas_unmap()
    unmap.size = UInt32(MemoryLayout<vgpu_iommu_ioas_unmap>.size)
    unmap.ioas_id = space.id
    unmap.iova = address
    unmap.length = count
    try fd.ioctl("IOMMU_IOAS_UNMAP", vgpu_IOMMU_IOAS_UNMAP, on: path, &unmap)
    return unmap.length
  }

  /// IOMMU_IOAS_IOVA_RANGES: the addresses that all attached devices can use.
  ///
  /// - Throws: `VFIOError.system`.
  public func addressRanges(of space: AddressSpace) throws(VFIOError) -> [ClosedRange<UInt64>] {
    var room = 16
    // When the room is too small, the kernel reports the count that it needs.
    for _ in 0..<4 {
      var ranges = [vgpu_iommu_iova_range](repeating: vgpu_iommu_iova_range(), count: room)
      var query = vgpu_iommu_ioas_iova_ranges()
      query.size = UInt32(MemoryLayout<vgpu_iommu_ioas_iova_ranges>.size)
      query.ioas_id = space.id
      query.num_iovas = UInt32(room)
      do {
        try ranges.withUnsafeMutableBufferPointer { (buffer) throws(VFIOError) in
          query.allowed_iovas = UInt64(UInt(bitPattern: buffer.baseAddress))
          _ = try fd.ioctl("IOMMU_IOAS_IOVA_RANGES", vgpu_IOMMU_IOAS_IOVA_RANGES, on: path, &query)
        }
      } catch  where error.errno == .messageTooLong && query.num_iovas > UInt32(room) {
        room = min(Int(query.num_iovas), 1 << 16)
        continue
      }
      return try ranges.prefix(Int(query.num_iovas)).map { (range) throws(VFIOError) in
        guard range.start <= range.last else {
          throw .malformed(object: path, reason: "an address range that ends before it starts")
        }
        return range.start...range.last
      }
    }
    throw .malformed(object: path, reason: "IOMMU_IOAS_IOVA_RANGES wants more room each time")
  }
}
