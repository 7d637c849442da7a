// SPDX-License-Identifier: Apache-2.0

import CLinux

/// What a type1 IOMMU can map (VFIO_IOMMU_GET_INFO).
public struct IOMMUInfo: Hashable, Sendable {
  /// The page sizes that can be mapped, one bit each; `nil` when the kernel does not tell.
  public let pageSizes: UInt64?
  /// Usable ranges of IO virtual addresses; empty when the kernel does not tell.
  public let addressRanges: [ClosedRange<UInt64>]
  /// How many more mappings fit; `nil` when the kernel does not tell.
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
