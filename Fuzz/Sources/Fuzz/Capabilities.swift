// SPDX-License-Identifier: Apache-2.0

import CLinux

@testable import VFIO

extension Target {
  /// What a driver answers of a region, or an IOMMU of itself: a structure, and a chain behind it.
  static let capabilities = Target(name: "capabilities") { bytes in
    guard let kind = bytes.first else { return }
    var answer = Array(bytes.dropFirst())
    // The kernel fills at least the structure.
    let least = MemoryLayout<vfio_region_info>.size
    answer += repeatElement(0, count: max(0, least - answer.count))
    if kind & 1 == 0 {
      guard let info = try? RegionInfo(answer, object: "") else { return }
      precondition(info.mappableAreas?.allSatisfy { $0.upperBound <= info.size } ?? true)
    } else {
      _ = try? IOMMUInfo(answer, object: "")
    }
  }
}
