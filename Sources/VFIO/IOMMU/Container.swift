// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem

/// A VFIO container (`/dev/vfio/vfio`): the IOMMU context that groups are put into.
///
/// It is the older of VFIO's two interfaces; `IOMMUFD` is the newer. The descriptor is closed when
/// this value ends; devices that were opened meanwhile keep working.
public struct Container: ~Copyable {
  let fd: OwnedFileDescriptor
  let path: String

  /// Opens `/dev/vfio/vfio` and checks that it speaks API version 0 (VFIO_GET_API_VERSION).
  ///
  /// - Throws: `VFIOError.system` when the node cannot be opened,
  ///   `VFIOError.unsupportedAPIVersion`.
  public init(
    path: String = "/dev/vfio/vfio", kernel: any Kernel = RunningKernel()
  ) throws(VFIOError) {
    let fd = try vfio { () throws(SystemCallError) in
      try OwnedFileDescriptor.open(path, flags: O_RDWR, kernel: kernel)
    }
    let version = try fd.ioctl("VFIO_GET_API_VERSION", vgpu_VFIO_GET_API_VERSION, on: path)
    guard version == VFIO_API_VERSION else {
      throw .unsupportedAPIVersion(object: path, found: version)
    }
    self.fd = fd
    self.path = path
  }

  /// VFIO_CHECK_EXTENSION: whether the container knows an IOMMU model or a feature. A container
  /// knows models only after a group was put into it.
  ///
  /// - Throws: `VFIOError.system`.
  public func supports(_ candidate: ContainerExtension) throws(VFIOError) -> Bool {
    try fd.ioctl(
      "VFIO_CHECK_EXTENSION", vgpu_VFIO_CHECK_EXTENSION, on: path,
      argument: UInt(candidate.rawValue)) > 0
  }

  /// VFIO_SET_IOMMU: chooses the IOMMU model. The call works once, after the first group was put
  /// in.
  ///
  /// - Throws: `VFIOError.system`: EINVAL without a group or when a model is set already, ENODEV
  ///   when the group's IOMMU is of another model, EPERM without interrupt remapping.
  public func setIOMMU(_ model: ContainerExtension) throws(VFIOError) {
    try fd.ioctl(
      "VFIO_SET_IOMMU", vgpu_VFIO_SET_IOMMU, on: path, argument: UInt(model.rawValue))
  }

  /// VFIO_IOMMU_GET_INFO: page sizes and the ranges of addresses that devices can use.
  ///
  /// - Throws: `VFIOError.system`: EINVAL before `setIOMMU`.
  public func iommuInfo() throws(VFIOError) -> IOMMUInfo {
    let answer = try fd.growingQuery(
      "VFIO_IOMMU_GET_INFO", vgpu_VFIO_IOMMU_GET_INFO, on: path, vfio_iommu_type1_info())
    return try IOMMUInfo(answer, object: path)
  }

  /// VFIO_IOMMU_MAP_DMA: lets the container's devices reach `memory` at `address`.
  ///
  /// The pages are pinned or pinnable until unmapped: `memory` must stay mapped in this process
  /// at least as long.
  ///
  /// - Parameters:
  ///   - memory: page-aligned, a multiple of the page size long.
  ///   - address: the IO virtual address, page-aligned.
  ///   - access: how the devices may use it.
  /// - Throws: `VFIOError.system`: EEXIST when something is mapped there, ENOMEM beyond
  ///   RLIMIT_MEMLOCK, ENOSPC beyond the container's number of mappings, EINVAL when an end is not
  ///   on a page boundary.
  public func mapDMA(
    _ memory: UnsafeMutableRawBufferPointer, at address: UInt64, access: DMAAccess
  ) throws(VFIOError) {
    var map = vfio_iommu_type1_dma_map()
    map.argsz = UInt32(MemoryLayout<vfio_iommu_type1_dma_map>.size)
    map.flags = access.rawValue
    map.vaddr = UInt64(UInt(bitPattern: memory.baseAddress))
    map.iova = address
    map.size = UInt64(memory.count)
    try fd.ioctl("VFIO_IOMMU_MAP_DMA", vgpu_VFIO_IOMMU_MAP_DMA, on: path, &map)
  }

  /// VFIO_IOMMU_UNMAP_DMA: takes every mapping within the range away.
  ///
  /// - Returns: how many bytes were mapped there.
  /// - Throws: `VFIOError.system`: EINVAL when the range cuts a mapping in two.
  @discardableResult
  public func unmapDMA(at address: UInt64, count: UInt64) throws(VFIOError) -> UInt64 {
    var unmap = vfio_iommu_type1_dma_unmap()
    // Without the flexible array that only dirty-page tracking uses.
    unmap.argsz = UInt32(MemoryLayout<vfio_iommu_type1_dma_unmap>.size)
    unmap.iova = address
    unmap.size = count
    try fd.ioctl("VFIO_IOMMU_UNMAP_DMA", vgpu_VFIO_IOMMU_UNMAP_DMA, on: path, &unmap)
    return unmap.size
  }
}

/// The features that VFIO_CHECK_EXTENSION asks about, and the IOMMU models that VFIO_SET_IOMMU
/// takes.
public struct ContainerExtension: RawRepresentable, Hashable, Sendable {
  /// The number in `<linux/vfio.h>`.
  public let rawValue: UInt32

  /// Makes an extension from its number in `<linux/vfio.h>`.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  private init(_ value: Int32) { self.rawValue = UInt32(bitPattern: value) }

  /// VFIO_TYPE1_IOMMU: the model of x86 and Arm hosts, version 1.
  public static let type1 = ContainerExtension(VFIO_TYPE1_IOMMU)
  /// VFIO_TYPE1v2_IOMMU: the same, but unmapping never splits a mapping. QEMU uses it.
  public static let type1v2 = ContainerExtension(VFIO_TYPE1v2_IOMMU)
  /// VFIO_DMA_CC_IOMMU: DMA is cache-coherent.
  public static let cacheCoherentDMA = ContainerExtension(VFIO_DMA_CC_IOMMU)
  /// VFIO_NOIOMMU_IOMMU: no protection at all; for development.
  public static let noIOMMU = ContainerExtension(Int32(VFIO_NOIOMMU_IOMMU))
  /// VFIO_UNMAP_ALL: one call unmaps everything.
  public static let unmapAll = ContainerExtension(VFIO_UNMAP_ALL)
  /// VFIO_UPDATE_VADDR: a mapping's user address can be changed.
  public static let updateVirtualAddress = ContainerExtension(VFIO_UPDATE_VADDR)
}

/// How a device may use a piece of memory that is mapped for its DMA.
public struct DMAAccess: OptionSet, Sendable {
  /// The bits of `vfio_iommu_type1_dma_map.flags`.
  public let rawValue: UInt32

  /// Makes a set from its bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The device may read the memory.
  public static let read = DMAAccess(rawValue: UInt32(VFIO_DMA_MAP_FLAG_READ))
  /// The device may write the memory.
  public static let write = DMAAccess(rawValue: UInt32(VFIO_DMA_MAP_FLAG_WRITE))
}

/// The limits of a type1 IOMMU's mappings (VFIO_IOMMU_GET_INFO).
public struct IOMMUInfo: Hashable, Sendable {
  /// The page sizes that can be mapped, one bit each; `nil` when the kernel does not tell.
  public let pageSizes: UInt64?
  /// The usable ranges of IO virtual addresses; empty when the kernel does not tell.
  public let addressRanges: [ClosedRange<UInt64>]
  /// The number of mappings that still fit; `nil` when the kernel does not tell.
  public let mappingsLeft: UInt32?

  init(_ answer: [UInt8], object: String) throws(VFIOError) {
    let info = answer.structure(vfio_iommu_type1_info.self)
    pageSizes = info.flags & UInt32(VFIO_IOMMU_INFO_PGSIZES) != 0 ? info.iova_pgsizes : nil
    var ranges: [ClosedRange<UInt64>] = []
    var left: UInt32?
    if info.flags & UInt32(VFIO_IOMMU_INFO_CAPS) != 0 {
      let size = MemoryLayout<vfio_iommu_type1_info>.size
      let chain = try CapabilityChain.parse(
        answer, first: info.cap_offset, after: size, object: object)
      for capability in chain {
        switch Int32(capability.id) {
        case VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE:
          ranges = try Self.ranges(capability, object: object)
        case VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL:
          left = capability.load(UInt32.self, at: 0)
        default:
          // A capability that a newer kernel added says nothing about the others.
          continue
        }
      }
    }
    addressRanges = ranges
    mappingsLeft = left
  }

  private static func ranges(
    _ capability: Capability, object: String
  ) throws(VFIOError) -> [ClosedRange<UInt64>] {
    let count = Int(capability.load(UInt32.self, at: 0) ?? 0)
    var ranges: [ClosedRange<UInt64>] = []
    for index in 0..<count {
      guard let first = capability.load(UInt64.self, at: 8 + index * 16),
        let last = capability.load(UInt64.self, at: 16 + index * 16), first <= last
      else {
        throw .malformed(object: object, reason: "address range \(index) of \(count)")
      }
      ranges.append(first...last)
    }
    return ranges
  }
}
