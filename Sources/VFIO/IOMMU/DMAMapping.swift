// SPDX-License-Identifier: Apache-2.0

/// A piece of memory that devices shall reach: one of those that a guest's memory consists of.
public struct DMAMapping {
  /// The memory: page-aligned, a multiple of the page size long. It must stay mapped in this process until it
  /// is unmapped for the devices.
  public var memory: UnsafeMutableRawBufferPointer
  /// The IO virtual address, page-aligned: where the guest has the memory.
  public var address: UInt64
  /// How the devices may use it.
  public var access: DMAAccess

  /// Makes a piece.
  public init(
    _ memory: UnsafeMutableRawBufferPointer, at address: UInt64,
    access: DMAAccess = [.read, .write]
  ) {
    self.memory = memory
    self.address = address
    self.access = access
  }
}

extension Container {
  /// Maps all of a guest's memory (VFIO_IOMMU_MAP_DMA for each piece). When one piece cannot be mapped, none
  /// of them is.
  ///
  /// - Throws: as `mapDMA(_:at:access:)`.
  public func mapDMA(_ pieces: [DMAMapping]) throws(VFIOError) {
    try pieces.mapAll { (piece) throws(VFIOError) in
      try mapDMA(piece.memory, at: piece.address, access: piece.access)
    } undo: { (piece) throws(VFIOError) in
      try unmapDMA(at: piece.address, count: UInt64(piece.memory.count))
    }
  }
}

extension IOMMUFD {
  /// Maps all of a guest's memory (IOMMU_IOAS_MAP for each piece). When one piece cannot be mapped, none of
  /// them is.
  ///
  /// - Throws: as `map(_:at:in:access:)`.
  public func map(_ pieces: [DMAMapping], in space: AddressSpace) throws(VFIOError) {
    try pieces.mapAll { (piece) throws(VFIOError) in
      try map(piece.memory, at: piece.address, in: space, access: piece.access)
    } undo: { (piece) throws(VFIOError) in
      try unmap(at: piece.address, count: UInt64(piece.memory.count), in: space)
    }
  }
}

extension [DMAMapping] {
  /// Maps each, and after a failure unmaps those that were mapped.
  fileprivate func mapAll(
    _ map: (DMAMapping) throws(VFIOError) -> Void, undo: (DMAMapping) throws(VFIOError) -> UInt64
  ) throws(VFIOError) {
    for (index, piece) in enumerated() {
      do throws(VFIOError) {
        try map(piece)
      } catch {
        for mapped in self[..<index].reversed() { _ = try? undo(mapped) }
        throw error
      }
    }
  }
}
