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
    _ = try map(memory, address, in: space, access)
  }

  /// IOMMU_IOAS_MAP at an address that the kernel chooses among the allowed ones.
  ///
  /// - Returns: the IO virtual address.
  /// - Throws: as `map(_:at:in:access:)`; `VFIOError.system` with ENOSPC when no address is free.
  public func map(
    _ memory: UnsafeMutableRawBufferPointer, in space: AddressSpace, access: DMAAccess
  ) throws(VFIOError) -> UInt64 {
    try map(memory, nil, in: space, access)
  }

  private func map(
    _ memory: UnsafeMutableRawBufferPointer, _ address: UInt64?, in space: AddressSpace,
    _ access: DMAAccess
  ) throws(VFIOError) -> UInt64 {
    var map = vgpu_iommu_ioas_map()
    map.size = UInt32(MemoryLayout<vgpu_iommu_ioas_map>.size)
    map.flags = Self.flags(access, isFixed: address != nil)
    map.ioas_id = space.id
    map.user_va = UInt64(UInt(bitPattern: memory.baseAddress))
    map.length = UInt64(memory.count)
    map.iova = address ?? 0
    try fd.ioctl("IOMMU_IOAS_MAP", vgpu_IOMMU_IOAS_MAP, on: path, &map)
    return map.iova
  }

  private static func flags(_ access: DMAAccess, isFixed: Bool) -> UInt32 {
    (isFixed ? UInt32(vgpu_IOMMU_IOAS_MAP_FIXED_IOVA) : 0)
      | (access.contains(.read) ? UInt32(vgpu_IOMMU_IOAS_MAP_READABLE) : 0)
      | (access.contains(.write) ? UInt32(vgpu_IOMMU_IOAS_MAP_WRITEABLE) : 0)
  }

  /// IOMMU_IOAS_MAP_FILE (after Linux 6.12): lets attached devices reach a memory file, which need not be mapped in
  /// this process, or a dma-buf of a device's region (`Device.dmaBuf`, newer kernels).
  ///
  /// - Parameters:
  ///   - file: a memfd or such a dma-buf, borrowed: the kernel keeps its own reference.
  ///   - part: which bytes of it, page-aligned.
  ///   - address: the IO virtual address, page-aligned; `nil` for one that the kernel chooses.
  ///   - space: an address space of this iommufd.
  ///   - access: how the devices may use it.
  /// - Returns: the IO virtual address.
  /// - Throws: as `map(_:at:in:access:)`; `VFIOError.system` with EINVAL for any other file, ENOTTY on an
  ///   older kernel.
  @discardableResult
  public func map(
    file: Int32, _ part: Range<UInt64>, at address: UInt64? = nil, in space: AddressSpace,
    access: DMAAccess
  ) throws(VFIOError) -> UInt64 {
    var map = vgpu_iommu_ioas_map_file()
    map.size = UInt32(MemoryLayout<vgpu_iommu_ioas_map_file>.size)
    map.flags = Self.flags(access, isFixed: address != nil)
    map.ioas_id = space.id
    map.fd = file
    map.start = part.lowerBound
    map.length = part.upperBound - part.lowerBound
    map.iova = address ?? 0
    try fd.ioctl("IOMMU_IOAS_MAP_FILE", vgpu_IOMMU_IOAS_MAP_FILE, on: path, &map)
    return map.iova
  }

  /// IOMMU_IOAS_COPY: gives a second address space a mapping of the first. The pages are counted and pinned
  /// once.
  ///
  /// - Parameters:
  ///   - range: the mapping's addresses in `source`, or a part of them.
  ///   - source: an address space of this iommufd.
  ///   - address: the IO virtual address in `space`; `nil` for one that the kernel chooses.
  ///   - space: the other address space.
  ///   - access: how its devices may use it; no more than the mapping allows.
  /// - Returns: the IO virtual address in `space`.
  /// - Throws: `VFIOError.system`: ENOENT when nothing is mapped there, EEXIST when something is in `space`,
  ///   EPERM for an access that the mapping does not allow.
  @discardableResult
  public func copy(
    _ range: Range<UInt64>, of source: AddressSpace, at address: UInt64? = nil,
    to space: AddressSpace, access: DMAAccess
  ) throws(VFIOError) -> UInt64 {
    var copy = vgpu_iommu_ioas_copy()
    copy.size = UInt32(MemoryLayout<vgpu_iommu_ioas_copy>.size)
    copy.flags = Self.flags(access, isFixed: address != nil)
    copy.dst_ioas_id = space.id
    copy.src_ioas_id = source.id
    copy.length = range.upperBound - range.lowerBound
    copy.dst_iova = address ?? 0
    copy.src_iova = range.lowerBound
    try fd.ioctl("IOMMU_IOAS_COPY", vgpu_IOMMU_IOAS_COPY, on: path, &copy)
    return copy.dst_iova
  }

  /// IOMMU_IOAS_ALLOW_IOVAS: addresses that no device that is attached later may take away. The kernel
  /// chooses addresses among them. A further call replaces them.
  ///
  /// - Throws: `VFIOError.system`: EADDRINUSE when an attached device cannot use one of them.
  public func allow(
    _ ranges: [ClosedRange<UInt64>], in space: AddressSpace
  ) throws(VFIOError) {
    let list = ranges.map { vgpu_iommu_iova_range(start: $0.lowerBound, last: $0.upperBound) }
    var request = vgpu_iommu_ioas_allow_iovas()
    request.size = UInt32(MemoryLayout<vgpu_iommu_ioas_allow_iovas>.size)
    request.ioas_id = space.id
    request.num_iovas = UInt32(clamping: list.count)
    try list.withUnsafeBufferPointer { (buffer) throws(VFIOError) in
      request.allowed_iovas = list.isEmpty ? 0 : UInt64(UInt(bitPattern: buffer.baseAddress))
      _ = try fd.ioctl("IOMMU_IOAS_ALLOW_IOVAS", vgpu_IOMMU_IOAS_ALLOW_IOVAS, on: path, &request)
    }
  }

  /// IOMMU_IOAS_CHANGE_PROCESS (after Linux 6.12): counts the pinned pages of all mappings to this process, which
  /// has got the iommufd from another one. All of them must be of files.
  ///
  /// - Throws: `VFIOError.system`: EINVAL when a mapping is of a process's memory; nothing has changed then.
  public func takeOverMappings() throws(VFIOError) {
    var request = vgpu_iommu_ioas_change_process()
    request.size = UInt32(MemoryLayout<vgpu_iommu_ioas_change_process>.size)
    try fd.ioctl(
      "IOMMU_IOAS_CHANGE_PROCESS", vgpu_IOMMU_IOAS_CHANGE_PROCESS, on: path, &request)
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

// MARK: Options

extension IOMMUFD {
  /// Whether pinned pages are counted to this process, as VFIO's containers count them, and not to the user
  /// (IOMMU_OPTION_RLIMIT_MODE).
  ///
  /// - Throws: `VFIOError.system`.
  public func countsByProcess() throws(VFIOError) -> Bool { try option(0, of: nil) != 0 }

  /// Counts pinned pages to this process, or to the user. Call it before any memory is mapped.
  ///
  /// - Throws: `VFIOError.system`: EPERM without CAP_SYS_RESOURCE, EBUSY when something is there already.
  public func setCountsByProcess(_ isSo: Bool) throws(VFIOError) {
    try setOption(0, to: isSo ? 1 : 0, of: nil)
  }

  /// Whether pages that lie together are mapped as one large page (IOMMU_OPTION_HUGE_PAGES).
  ///
  /// - Throws: `VFIOError.system`.
  public func usesHugePages(_ space: AddressSpace) throws(VFIOError) -> Bool {
    try option(1, of: space) != 0
  }

  /// Maps pages that lie together as one large page, or not.
  ///
  /// - Throws: `VFIOError.system`.
  public func setUsesHugePages(_ isSo: Bool, in space: AddressSpace) throws(VFIOError) {
    try setOption(1, to: isSo ? 1 : 0, of: space)
  }

  private func option(_ number: UInt32, of space: AddressSpace?) throws(VFIOError) -> UInt64 {
    var request = Self.request(number, vgpu_IOMMU_OPTION_OP_GET, space)
    try fd.ioctl("IOMMU_OPTION", vgpu_IOMMU_OPTION, on: path, &request)
    return request.val64
  }

  private func setOption(
    _ number: UInt32, to value: UInt64, of space: AddressSpace?
  ) throws(VFIOError) {
    var request = Self.request(number, vgpu_IOMMU_OPTION_OP_SET, space)
    request.val64 = value
    try fd.ioctl("IOMMU_OPTION", vgpu_IOMMU_OPTION, on: path, &request)
  }

  private static func request(
    _ number: UInt32, _ operation: Int, _ space: AddressSpace?
  ) -> vgpu_iommu_option {
    var request = vgpu_iommu_option()
    request.size = UInt32(MemoryLayout<vgpu_iommu_option>.size)
    request.option_id = number
    request.op = UInt16(operation)
    request.object_id = space?.id ?? 0
    return request
  }
}

// MARK: What the IOMMU is

/// What an IOMMU tells of itself (IOMMU_GET_HW_INFO, Linux 6.6).
public struct IOMMUHardware: Hashable, Sendable {
  /// What an IOMMU can do for a device.
  public struct Capabilities: OptionSet, Hashable, Sendable {
    /// The bits of `enum iommufd_hw_capabilities`.
    public let rawValue: UInt64

    /// Makes a set from its bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// It logs which pages the device has written.
    public static let dirtyTracking = Capabilities(rawValue: 1 << 0)
    /// PASIDs may execute.
    public static let executablePASIDs = Capabilities(rawValue: 1 << 1)
    /// PASIDs may be privileged.
    public static let privilegedPASIDs = Capabilities(rawValue: 1 << 2)
    /// The device cannot cache translations (ATS).
    public static let noATS = Capabilities(rawValue: 1 << 3)
  }

  /// Which kind of IOMMU `data` is of (`enum iommu_hw_info_type`): 0 tells nothing, 1 is Intel VT-d, 2 Arm
  /// SMMUv3, and further numbers with newer kernels.
  public let kind: UInt32
  /// The registers of that kind.
  public let data: [UInt8]
  /// What it can do.
  public let capabilities: Capabilities
  /// The bits of a PASID; 0 for none, and on kernels that do not tell.
  public let pasidWidth: UInt8
}

extension IOMMUFD {
  /// IOMMU_GET_HW_INFO (Linux 6.6): the IOMMU that a device is behind.
  ///
  /// - Parameter device: a device that was bound to this iommufd (`Device.iommufdID`).
  /// - Throws: `VFIOError.unsupported` for a device that was opened another way; `.system`: EOPNOTSUPP when
  ///   its IOMMU tells nothing, ENOENT when it has none, as an mdev.
  public func hardware(of device: borrowing Device) throws(VFIOError) -> IOMMUHardware {
    guard let id = device.iommufdID else {
      throw .unsupported(object: device.name, feature: "number in an iommufd")
    }
    var room = 64
    // The kernel tells how many bytes it has.
    for _ in 0..<4 {
      var data = [UInt8](repeating: 0, count: room)
      var query = vgpu_iommu_hw_info()
      query.size = UInt32(MemoryLayout<vgpu_iommu_hw_info>.size)
      query.dev_id = id
      query.data_len = UInt32(room)
      try data.withUnsafeMutableBufferPointer { (buffer) throws(VFIOError) in
        query.data_uptr = UInt64(UInt(bitPattern: buffer.baseAddress))
        _ = try fd.ioctl("IOMMU_GET_HW_INFO", vgpu_IOMMU_GET_HW_INFO, on: path, &query)
      }
      let length = Int(query.data_len)
      guard length > room else {
        return IOMMUHardware(
          kind: query.out_data_type, data: Array(data.prefix(length)),
          capabilities: IOMMUHardware.Capabilities(rawValue: query.out_capabilities),
          pasidWidth: query.out_max_pasid_log2)
      }
      room = min(length, 1 << 16)
    }
    throw .malformed(object: path, reason: "IOMMU_GET_HW_INFO wants more room each time")
  }
}
