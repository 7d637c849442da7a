// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The pages of a range of IO virtual addresses that a device has written.
public struct WrittenPages: Hashable, Sendable {
  /// The range.
  public let range: Range<UInt64>
  /// The bytes of a page.
  public let pageSize: UInt64
  /// A bit for each page, the first page in the least significant bit of the first word.
  let bitmap: [UInt64]

  /// Whether the page at an address was written; false for an address outside of the range.
  public func contains(_ address: UInt64) -> Bool {
    guard range.contains(address) else { return false }
    let page = (address - range.lowerBound) / pageSize
    return bitmap[Int(page / 64)] >> (page % 64) & 1 != 0
  }

  /// How many pages were written.
  public var count: Int { bitmap.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// The addresses of the written pages, in their order.
  public var addresses: [UInt64] {
    var addresses: [UInt64] = []
    for (index, word) in bitmap.enumerated() {
      var left = word
      while left != 0 {
        let page = UInt64(index * 64 + left.trailingZeroBitCount)
        addresses.append(range.lowerBound + page * pageSize)
        left &= left - 1
      }
    }
    return addresses
  }
}

extension Device {
  /// Begins to log what the device writes (VFIO_DEVICE_FEATURE_DMA_LOGGING_START, Linux 6.1).
  ///
  /// - Parameters:
  ///   - ranges: the IO virtual addresses that are of interest. A driver may refuse many; as many as fit into
  ///     a page of the kernel's (256) always get to it.
  ///   - pageSize: the wished bytes of a logged page, a power of two.
  /// - Returns: the bytes of a page that the device logs.
  /// - Throws: `VFIOError.system`: ENOTTY when the device does not log, EINVAL when it logs already;
  ///   `.outOfRange` for a size that is no power of two.
  @discardableResult
  public func startDMALogging(
    _ ranges: [Range<UInt64>], pageSize: UInt64
  ) throws(VFIOError) -> UInt64 {
    try check(pageSize)
    var control = vfio_device_feature_dma_logging_control()
    control.page_size = pageSize
    control.num_ranges = UInt32(clamping: ranges.count)
    let list = ranges.map { range in
      var entry = vfio_device_feature_dma_logging_range()
      entry.iova = range.lowerBound
      entry.length = range.upperBound - range.lowerBound
      return entry
    }
    try list.withUnsafeBufferPointer { (buffer) throws(VFIOError) in
      control.ranges = UInt64(UInt(bitPattern: buffer.baseAddress))
      _ = try exchange(.dmaLoggingStart, .set, &control)
    }
    return control.page_size
  }

  /// Ends the log (VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, Linux 6.1).
  ///
  /// - Throws: `VFIOError.system`: EINVAL when the device does not log.
  public func stopDMALogging() throws(VFIOError) { try set(.dmaLoggingStop) }

  /// Takes from the log what the device has written in a range
  /// (VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, Linux 6.1). After an error all pages count as written.
  ///
  /// - Parameters:
  ///   - range: IO virtual addresses that are logged.
  ///   - pageSize: the bytes of a page in the answer, a power of two; it need not be the logged one.
  /// - Throws: `VFIOError.system`; `.outOfRange` for a size that is no power of two, or more than 2^33 pages
  ///   in the range.
  public func takeDMALog(
    of range: Range<UInt64>, pageSize: UInt64
  ) throws(VFIOError) -> WrittenPages {
    try check(pageSize)
    let length = range.upperBound - range.lowerBound
    let pages = length / pageSize + (length % pageSize == 0 ? 0 : 1)
    // A gigabyte of bits.
    guard pages <= 1 << 33 else {
      throw .outOfRange(object: name, reason: "a log of \(pages) pages")
    }
    // Whole pages in the last word: a driver that sets the bits behind them has no room beyond.
    var bitmap = [UInt64](repeating: 0, count: Int((pages + 63) / 64))
    var report = vfio_device_feature_dma_logging_report()
    report.iova = range.lowerBound
    report.length = length
    report.page_size = pageSize
    try bitmap.withUnsafeMutableBufferPointer { (buffer) throws(VFIOError) in
      report.bitmap = UInt64(UInt(bitPattern: buffer.baseAddress))
      _ = try exchange(.dmaLoggingReport, .get, &report)
    }
    if pages % 64 != 0, !bitmap.isEmpty { bitmap[bitmap.count - 1] &= 1 << (pages % 64) - 1 }
    return WrittenPages(range: range, pageSize: pageSize, bitmap: bitmap)
  }

  private func check(_ pageSize: UInt64) throws(VFIOError) {
    guard pageSize.nonzeroBitCount == 1 else {
      throw .outOfRange(object: name, reason: "a page of \(pageSize) bytes")
    }
  }
}
