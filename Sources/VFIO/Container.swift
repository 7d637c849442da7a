// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem

/// A VFIO container (`/dev/vfio/vfio`): the IOMMU context that groups are put into.
///
/// The older of VFIO's two interfaces; `IOMMUFD` is the newer. The descriptor is closed when this
/// value ends; devices that were opened meanwhile keep working.
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

  /// VFIO_CHECK_EXTENSION: whether the container knows an IOMMU model or a feature. Models show up
  /// only once a group is in the container.
  ///
  /// - Throws: `VFIOError.system`.
  public func supports(_ candidate: ContainerExtension) throws(VFIOError) -> Bool {
    try fd.ioctl(
      "VFIO_CHECK_EXTENSION", vgpu_VFIO_CHECK_EXTENSION, on: path,
      argument: UInt(candidate.rawValue)) > 0
  }

  /// VFIO_SET_IOMMU: chooses the IOMMU model. Works once, after the first group was put in.
  ///
  /// - Throws: `VFIOError.system`: EINVAL without a group or when one is set already, ENODEV for a
  ///   model that the group's IOMMU is not of, EPERM without interrupt remapping.
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
  /// - Throws: `VFIOError.system`: EEXIST where something is mapped, ENOMEM beyond RLIMIT_MEMLOCK,
  ///   ENOSPC beyond the container's number of mappings, EINVAL where a bound is on no page.
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
  /// - Throws: `VFIOError.system`: EINVAL where the range cuts a mapping in two.
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
