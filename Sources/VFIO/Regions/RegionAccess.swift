// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem

/// The two kinds of handle that can ask about regions.
protocol OwnedFileDescriptorHolder: ~Copyable {
  var fd: OwnedFileDescriptor { get }
  var name: String { get }
}

extension OwnedFileDescriptor {
  /// Checks that `count` bytes at `start` lie inside a region that allows `right`, and returns where
  /// they lie in the descriptor.
  func position(
    of start: UInt64, count: Int, in region: RegionInfo, right: RegionInfo.Flags, name: String
  ) throws(VFIOError) -> UInt64 {
    guard region.flags.contains(right) else {
      throw .unsupported(object: name, feature: "such access to region \(region.index)")
    }
    let (end, overflow) = start.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= region.size else {
      throw .outOfRange(
        object: name,
        reason: "\(count) bytes at \(start) leave region \(region.index) of \(region.size) bytes")
    }
    return region.offset + start
  }

  /// pread(2) until `buffer` is full, each call at most `step` bytes.
  func readFully(
    _ buffer: UnsafeMutableRawBufferPointer, at position: UInt64, step: Int, name: String
  ) throws(VFIOError) {
    try transfer(buffer.count, step: step, "pread", name: name) { part in
      kernel.pread(
        rawValue, UnsafeMutableRawBufferPointer(rebasing: buffer[part]),
        offset: position + UInt64(part.lowerBound))
    }
  }

  /// pwrite(2) until all of `buffer` is written, each call at most `step` bytes.
  func writeFully(
    _ buffer: UnsafeRawBufferPointer, at position: UInt64, step: Int, name: String
  ) throws(VFIOError) {
    try transfer(buffer.count, step: step, "pwrite", name: name) { part in
      kernel.pwrite(
        rawValue, UnsafeRawBufferPointer(rebasing: buffer[part]),
        offset: position + UInt64(part.lowerBound))
    }
  }

  /// Calls `move` for one part after the other until `count` bytes are moved. `move` returns how
  /// many bytes of its part it moved, as the kernel does.
  private func transfer(
    _ count: Int, step: Int, _ call: StaticString, name: String, _ move: (Range<Int>) -> Int
  ) throws(VFIOError) {
    var done = 0
    while done < count {
      let part = done..<done + min(step, count - done)
      let moved = try vfio { () throws(SystemCallError) in
        try SystemCall.make("\(call)", on: name) { move(part) }
      }
      guard moved > 0, moved <= part.count else {
        throw .malformed(object: name, reason: "a \(call) ended after \(done) of \(count) bytes")
      }
      done += moved
    }
  }
}

extension Device: OwnedFileDescriptorHolder {}

extension Device {
  /// VFIO_DEVICE_GET_REGION_INFO with its capability chain.
  ///
  /// - Parameter index: below `info.regionCount`; `PCIRegion` names those of a PCI device.
  /// - Throws: `VFIOError.system`: EINVAL for an index that the device does not have; `.malformed`
  ///   when its capability chain makes no sense.
  public func regionInfo(_ index: UInt32) throws(VFIOError) -> RegionInfo {
    try queryRegion(index)
  }

  /// pread(2) within a region.
  ///
  /// - Parameters:
  ///   - region: as `regionInfo` tells it.
  ///   - start: bytes from the region's start.
  ///   - buffer: filled whole, or an error is thrown.
  /// - Throws: `VFIOError.outOfRange` beyond the region; `.system` of pread(2).
  public func read(
    _ region: RegionInfo, at start: UInt64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(VFIOError) {
    let position = try fd.position(
      of: start, count: buffer.count, in: region, right: .read, name: name)
    try fd.readFully(buffer, at: position, step: .max, name: name)
  }

  /// Reads an integer from a region in the device's byte order (little-endian on every bus that
  /// VFIO knows).
  ///
  /// - Throws: as the other `read` does.
  public func read<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ region: RegionInfo, at start: UInt64, as: Integer.Type = Integer.self
  ) throws(VFIOError) -> Integer {
    var value: Integer = 0
    try withUnsafeMutableBytes(of: &value) { (bytes) throws(VFIOError) in
      try read(region, at: start, into: bytes)
    }
    return Integer(littleEndian: value)
  }

  /// pwrite(2) within a region.
  ///
  /// - Parameters:
  ///   - region: as `regionInfo` tells it.
  ///   - start: bytes from the region's start.
  ///   - buffer: written whole, or an error is thrown.
  /// - Throws: `VFIOError.outOfRange` beyond the region; `.system` of pwrite(2).
  public func write(
    _ region: RegionInfo, at start: UInt64, from buffer: UnsafeRawBufferPointer
  ) throws(VFIOError) {
    let position = try fd.position(
      of: start, count: buffer.count, in: region, right: .write, name: name)
    try fd.writeFully(buffer, at: position, step: .max, name: name)
  }

  /// Writes an integer into a region, little-endian, in one access of its size.
  ///
  /// - Throws: as the other `write` does.
  public func write<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ region: RegionInfo, at start: UInt64, _ value: Integer
  ) throws(VFIOError) {
    try withUnsafeBytes(of: value.littleEndian) { (bytes) throws(VFIOError) in
      try write(region, at: start, from: bytes)
    }
  }

  /// mmap(2) of a part of a region. The mapping stays valid after this handle's end.
  ///
  /// vfio-pci takes the pages away while the device is reset, sleeps, or has its memory disabled in
  /// its command register; an access to them then raises SIGBUS. `MappedMemory.read` and `write`
  /// turn the signal into an error.
  ///
  /// - Parameters:
  ///   - region: as `regionInfo` tells it.
  ///   - range: bytes from the region's start, within one of its mappable areas, page-aligned at
  ///     its beginning; all of the region when left out.
  ///   - access: whether the memory will be written.
  /// - Throws: `VFIOError.outOfRange` beyond the region or its mappable areas, `.unsupported` when
  ///   the region has none; `.system` of mmap(2).
  public func map(
    _ region: RegionInfo, _ range: Range<UInt64>? = nil, access: MappedMemory.Access
  ) throws(VFIOError) -> MappedMemory {
    try fd.mapRegion(region, range ?? 0..<region.size, access: access, name: name)
  }
}

extension OwnedFileDescriptor {
  func mapRegion(
    _ region: RegionInfo, _ range: Range<UInt64>, access: MappedMemory.Access, name: String
  ) throws(VFIOError) -> MappedMemory {
    guard let count = Int(exactly: range.upperBound - range.lowerBound), count > 0 else {
      throw .outOfRange(object: name, reason: "nothing to map in region \(region.index)")
    }
    let position = try position(
      of: range.lowerBound, count: count, in: region, right: .map, name: name)
    if let areas = region.mappableAreas {
      guard
        areas.contains(where: {
          $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound
        })
      else {
        throw .outOfRange(
          object: name, reason: "bytes \(range) of region \(region.index) cannot be mapped")
      }
    }
    return try vfio { () throws(SystemCallError) in
      try MappedMemory(
        self, offset: position, count: count, access: access,
        of: "\(name), region \(region.index)")
    }
  }
}
