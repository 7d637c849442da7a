// SPDX-License-Identifier: Apache-2.0

import CLinux

/// One region of a device: a BAR, the configuration space, or a region that the driver adds
/// (VFIO_DEVICE_GET_REGION_INFO).
public struct RegionInfo: Hashable, Sendable {
  /// The operations that a region allows.
  public struct Flags: OptionSet, Hashable, Sendable {
    /// The bits of `vfio_region_info.flags`.
    public let rawValue: UInt32

    /// Makes a set from its bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// pread(2) works.
    public static let read = Flags(rawValue: UInt32(VFIO_REGION_INFO_FLAG_READ))
    /// pwrite(2) works.
    public static let write = Flags(rawValue: UInt32(VFIO_REGION_INFO_FLAG_WRITE))
    /// mmap(2) works.
    public static let map = Flags(rawValue: UInt32(VFIO_REGION_INFO_FLAG_MMAP))
  }

  /// The purpose of a region that the driver added.
  public struct Kind: Hashable, Sendable {
    /// `VFIO_REGION_TYPE_*`, or a PCI vendor with bit 31 set.
    public let type: UInt32
    /// `VFIO_REGION_SUBTYPE_*`, counted within the type.
    public let subtype: UInt32

    /// Makes a kind from its two numbers.
    public init(type: UInt32, subtype: UInt32) {
      self.type = type
      self.subtype = subtype
    }

    /// The monitor that the guest sees plugged in (`struct vfio_region_gfx_edid`).
    public static let edid = Kind(
      type: UInt32(VFIO_REGION_TYPE_GFX), subtype: UInt32(VFIO_REGION_SUBTYPE_GFX_EDID))
    /// The Intel graphics OpRegion.
    public static let intelOpRegion = Kind(
      type: UInt32(VFIO_REGION_TYPE_PCI_VENDOR_TYPE) | 0x8086,
      subtype: UInt32(VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION))
  }

  /// The region's number.
  public let index: UInt32
  /// The operations that it allows.
  public let flags: Flags
  /// Its length in bytes; 0 for a region that the device does not have.
  public let size: UInt64
  /// Its offset in the device's descriptor, in bytes, for pread(2), pwrite(2) and mmap(2).
  public let offset: UInt64
  /// Its purpose, when the driver added it; `nil` for the bus's own regions.
  public let kind: Kind?
  /// The parts that mmap(2) accepts, in bytes from the region's start; `nil` when it accepts the
  /// whole region.
  public let mappableAreas: [Range<UInt64>]?
  /// The BAR that holds the MSI-X table may be mapped with the table.
  public let isMSIXMappable: Bool

  init(_ answer: [UInt8], object: String) throws(VFIOError) {
    let info = answer.structure(vfio_region_info.self)
    index = info.index
    flags = Flags(rawValue: info.flags)
    size = info.size
    offset = info.offset
    guard !size.addingReportingOverflow(offset).overflow else {
      throw .malformed(object: object, reason: "region \(info.index) ends beyond all addresses")
    }
    var kind: Kind?
    var areas: [Range<UInt64>]?
    var msix = false
    if info.flags & UInt32(VFIO_REGION_INFO_FLAG_CAPS) != 0 {
      let size = MemoryLayout<vfio_region_info>.size
      let chain = try CapabilityChain.parse(
        answer, first: info.cap_offset, after: size, object: object)
      for capability in chain {
        switch Int32(capability.id) {
        case VFIO_REGION_INFO_CAP_SPARSE_MMAP:
          areas = try Self.areas(capability, of: info, object: object)
        case VFIO_REGION_INFO_CAP_TYPE:
          guard let type = capability.load(UInt32.self, at: 0),
            let subtype = capability.load(UInt32.self, at: 4)
          else { throw .malformed(object: object, reason: "region \(info.index) has half a type") }
          kind = Kind(type: type, subtype: subtype)
        case VFIO_REGION_INFO_CAP_MSIX_MAPPABLE:
          msix = true
        default:
          // A capability that a newer kernel added says nothing about the others.
          continue
        }
      }
    }
    self.kind = kind
    mappableAreas = areas
    isMSIXMappable = msix
  }

  private static func areas(
    _ capability: Capability, of info: vfio_region_info, object: String
  ) throws(VFIOError) -> [Range<UInt64>] {
    let count = Int(capability.load(UInt32.self, at: 0) ?? 0)
    var areas: [Range<UInt64>] = []
    for index in 0..<count {
      guard let start = capability.load(UInt64.self, at: 8 + index * 16),
        let size = capability.load(UInt64.self, at: 16 + index * 16),
        case (let end, let overflow) = start.addingReportingOverflow(size), !overflow,
        end <= info.size
      else {
        throw .malformed(
          object: object, reason: "mappable area \(index) of region \(info.index) leaves the region"
        )
      }
      areas.append(start..<end)
    }
    return areas
  }
}

extension OwnedFileDescriptorHolder where Self: ~Copyable {
  func queryRegion(_ index: UInt32) throws(VFIOError) -> RegionInfo {
    var query = vfio_region_info()
    query.index = index
    let answer = try fd.growingQuery(
      "VFIO_DEVICE_GET_REGION_INFO", vgpu_VFIO_DEVICE_GET_REGION_INFO, on: name, query)
    return try RegionInfo(answer, object: name)
  }
}
