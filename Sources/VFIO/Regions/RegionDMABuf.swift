// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem

extension Device {
  /// A dma-buf of parts of a region (VFIO_DEVICE_FEATURE_DMA_BUF, after Linux 6.12), for another device that is to
  /// reach this one's memory, or for `IOMMUFD.map(file:…)`. While the device is being reset, or its memory is
  /// off, nobody gets through.
  ///
  /// - Parameters:
  ///   - region: the region; a BAR that can be mapped.
  ///   - ranges: the parts, in bytes from the region's start, page-aligned; they lie one after the other in
  ///     the dma-buf.
  ///   - access: how its user may use it.
  /// - Returns: the dma-buf, close-on-exec. The caller owns it.
  /// - Throws: `VFIOError.outOfRange` for a part that leaves the region; `.system`: ENOTTY when the driver
  ///   makes none, EOPNOTSUPP without peer-to-peer DMA.
  public func dmaBuf(
    of region: RegionInfo, _ ranges: [Range<UInt64>], access: DMAAccess
  ) throws(VFIOError) -> OwnedFileDescriptor {
    var header = vgpu_vfio_device_feature_dma_buf()
    header.region_index = region.index
    header.open_flags = UInt32(O_CLOEXEC) | UInt32(access.contains(.write) ? O_RDWR : O_RDONLY)
    header.nr_ranges = UInt32(clamping: ranges.count)
    var data = withUnsafeBytes(of: header) { [UInt8]($0) }
    for range in ranges {
      guard !range.isEmpty, range.upperBound <= region.size else {
        throw .outOfRange(
          object: name,
          reason: "bytes \(range) of region \(region.index), which has \(region.size)")
      }
      var part = vgpu_vfio_region_dma_range()
      part.offset = range.lowerBound
      part.length = range.upperBound - range.lowerBound
      withUnsafeBytes(of: part) { data.append(contentsOf: $0) }
    }
    let number = try feature(.dmaBuf, flags: UInt32(VFIO_DEVICE_FEATURE_GET), data: &data)
    return OwnedFileDescriptor(owning: Int32(number), kernel: fd.kernel)
  }
}
