// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
import LinuxSystem

/// The monitor that the guest sees plugged in: the device's EDID region (`struct
/// vfio_region_gfx_edid`), and nothing else of the device.
public struct MonitorPort: ~Copyable, Sendable {
  private let fd: OwnedFileDescriptor
  private let region: RegionInfo
  private let name: String
  /// The largest picture that the driver can make, in pixels; `nil` when the driver does not tell.
  public let maximumSize: (width: UInt32, height: UInt32)?
  /// The longest EDID that the driver takes, in bytes.
  public let maximumEDIDSize: UInt32
  private let edidOffset: UInt64

  init(
    owning fd: consuming OwnedFileDescriptor, region: RegionInfo, name: String
  ) throws(VFIOError) {
    let offset = try fd.register(\.edid_offset, of: region, name: name)
    let maximumEDIDSize = try fd.register(\.edid_max_size, of: region, name: name)
    let width = try fd.register(\.max_xres, of: region, name: name)
    let height = try fd.register(\.max_yres, of: region, name: name)
    // The blob follows the header. Its place is not compared with the region's size, because i915
    // puts the blob beyond the region. The check only keeps the sum from overflowing.
    guard offset >= UInt32(MemoryLayout<vfio_region_gfx_edid>.size),
      !region.offset.addingReportingOverflow(UInt64(UInt32.max) * 2).overflow
    else {
      throw .malformed(object: name, reason: "an EDID at byte \(offset) of its region")
    }
    maximumSize = width > 0 && height > 0 ? (width, height) : nil
    edidOffset = UInt64(offset)
    self.maximumEDIDSize = maximumEDIDSize
    self.fd = fd
    self.region = region
    self.name = name
  }

  /// The EDID that the guest sees now; empty when nobody has set one.
  ///
  /// - Throws: `VFIOError.system`; `.malformed` when the region tells a length beyond its own.
  public func edid() throws(VFIOError) -> [UInt8] {
    let size = try fd.register(\.edid_size, of: region, name: name)
    guard size <= maximumEDIDSize, size <= 1 << 16 else {
      throw .malformed(object: name, reason: "an EDID of \(size) bytes")
    }
    var blob = [UInt8](repeating: 0, count: Int(size))
    let position = region.offset + edidOffset
    try blob.withUnsafeMutableBufferPointer { (bytes) throws(VFIOError) in
      try fd.readFully(
        UnsafeMutableRawBufferPointer(bytes), at: position, step: accessWidth, name: name)
    }
    return blob
  }

  /// The state of the monitor's cable.
  @nonexhaustive
  public enum LinkState: Hashable, Sendable {
    /// Plugged in.
    case up
    /// Unplugged.
    case down
    /// Neither: nobody has told the driver yet.
    case unset
  }

  /// Whether the monitor is plugged in.
  ///
  /// - Throws: `VFIOError.system`.
  public func linkState() throws(VFIOError) -> LinkState {
    switch try fd.register(\.link_state, of: region, name: name) {
    case UInt32(VFIO_DEVICE_GFX_LINK_STATE_UP): .up
    case UInt32(VFIO_DEVICE_GFX_LINK_STATE_DOWN): .down
    default: .unset
    }
  }

  /// Whether the monitor is plugged in.
  ///
  /// - Throws: `VFIOError.system`.
  public func isLinkUp() throws(VFIOError) -> Bool { try linkState() == .up }

  /// Plugs the monitor in or out. The guest notices a change some ten milliseconds later.
  ///
  /// - Throws: `VFIOError.system`.
  public func setLink(up: Bool) throws(VFIOError) {
    let state = up ? VFIO_DEVICE_GFX_LINK_STATE_UP : VFIO_DEVICE_GFX_LINK_STATE_DOWN
    try fd.setRegister(\.link_state, of: region, to: UInt32(state), name: name)
  }

  /// While this value lives, the end of this process plugs the monitor in: an end by exit(3), and
  /// one by a signal when the program has asked for that (`vgpu_write_at_end_signals`). Hold one
  /// while the monitor is unplugged for a moment.
  public struct PlugIn: ~Copyable, Sendable {
    private let number: Int

    fileprivate init(_ number: Int) { self.number = number }

    deinit { vgpu_forget_at_end(number) }
  }

  /// Arranges for the plugging in. When this process may have no more descriptors, its end changes
  /// nothing.
  public func plugInAtEnd() -> PlugIn {
    let position =
      region.offset + UInt64(MemoryLayout<vfio_region_gfx_edid>.offset(of: \.link_state) ?? 0)
    return PlugIn(
      vgpu_write_at_end(fd.rawValue, position, UInt32(VFIO_DEVICE_GFX_LINK_STATE_UP)))
  }

  /// Gives the monitor another EDID. Unplug the monitor first and plug it in again 100 ms later, or
  /// the guest will not read the new EDID.
  ///
  /// - Parameter blob: whole blocks of 128 bytes, at most `maximumEDIDSize`.
  /// - Throws: `VFIOError.outOfRange` when `blob` is longer than the device takes; `.system`.
  public func setEDID(_ blob: [UInt8]) throws(VFIOError) {
    guard !blob.isEmpty, blob.count % 128 == 0, blob.count <= Int(maximumEDIDSize) else {
      throw .outOfRange(
        object: name,
        reason: "an EDID of \(blob.count) bytes, where the driver takes \(maximumEDIDSize) at most")
    }
    let position = region.offset + edidOffset
    try fd.setRegister(\.edid_size, of: region, to: UInt32(blob.count), name: name)
    try blob.withUnsafeBufferPointer { (bytes) throws(VFIOError) in
      try fd.writeFully(UnsafeRawBufferPointer(bytes), at: position, step: accessWidth, name: name)
    }
  }
}

/// i915 takes only accesses of four bytes, and every driver takes those.
private let accessWidth = 4

extension OwnedFileDescriptor {
  fileprivate func register(
    _ field: KeyPath<vfio_region_gfx_edid, UInt32>, of region: RegionInfo, name: String
  ) throws(VFIOError) -> UInt32 {
    var value: UInt32 = 0
    let position = region.offset + UInt64(MemoryLayout.offset(of: field) ?? 0)
    try withUnsafeMutableBytes(of: &value) { (bytes) throws(VFIOError) in
      try readFully(bytes, at: position, step: accessWidth, name: name)
    }
    return value
  }

  fileprivate func setRegister(
    _ field: KeyPath<vfio_region_gfx_edid, UInt32>, of region: RegionInfo, to value: UInt32,
    name: String
  ) throws(VFIOError) {
    let position = region.offset + UInt64(MemoryLayout.offset(of: field) ?? 0)
    try withUnsafeBytes(of: value) { (bytes) throws(VFIOError) in
      try writeFully(bytes, at: position, step: accessWidth, name: name)
    }
  }
}
