// SPDX-License-Identifier: Apache-2.0

import CLinux

/// What a container can be asked about with VFIO_CHECK_EXTENSION, and the IOMMU models that
/// VFIO_SET_IOMMU takes.
public struct ContainerExtension: RawRepresentable, Hashable, Sendable {
  /// The number in `<linux/vfio.h>`.
  public let rawValue: UInt32

  /// Makes an extension of its number in `<linux/vfio.h>`.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  private init(_ value: Int32) { self.rawValue = UInt32(bitPattern: value) }

  /// VFIO_TYPE1_IOMMU: the model of x86 and Arm hosts, version 1.
  public static let type1 = ContainerExtension(VFIO_TYPE1_IOMMU)
  /// VFIO_TYPE1v2_IOMMU: the same; unmapping never splits a mapping. What QEMU uses.
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

  /// Makes a set of its bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The device may read the memory.
  public static let read = DMAAccess(rawValue: UInt32(VFIO_DMA_MAP_FLAG_READ))
  /// The device may write the memory.
  public static let write = DMAAccess(rawValue: UInt32(VFIO_DMA_MAP_FLAG_WRITE))
}
