// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// A VFIO device that only shows its screen: no register writes, no DMA, no interrupts, no reset.
/// The descriptor is closed when this value ends.
///
/// The kernel has no descriptor with fewer rights; this type keeps a viewer from using the rights.
/// A process that must not be trusted gets no device descriptor at all.
public struct DisplayDevice: ~Copyable, OwnedFileDescriptorHolder {
  let fd: OwnedFileDescriptor
  /// The device's name in errors: a PCI address, an mdev's UUID, a path.
  public let name: String

  /// Takes over an open device descriptor.
  public init(owning fd: consuming OwnedFileDescriptor, name: String) {
    self.fd = fd
    self.name = name
  }

  /// VFIO_DEVICE_QUERY_GFX_PLANE with PROBE: how the driver hands out pixels.
  ///
  /// - Returns: `dmaBuf` when the driver has both; `nil` when the device has no display.
  /// - Throws: `VFIOError.system` when the device is gone or is no VFIO device.
  public func transport() throws(VFIOError) -> PlaneTransport? {
    for transport in [PlaneTransport.dmaBuf, .region] {
      var query = Self.query
      query.flags = UInt32(VFIO_GFX_PLANE_TYPE_PROBE) | transport.flag
      do {
        try fd.ioctl(
          "VFIO_DEVICE_QUERY_GFX_PLANE", vgpu_VFIO_DEVICE_QUERY_GFX_PLANE, on: name, &query)
        return transport
      } catch
        where error.errno == .invalidArgument
        || error.errno == .inappropriateIOCTLForDevice
      {
        // EINVAL means a driver without this transport, ENOTTY a driver without a display. A
        // descriptor that belongs to no VFIO device gives ENOTTY too: the code that opens it tells
        // the two apart.
        continue
      }
    }
    return nil
  }

  /// VFIO_DEVICE_QUERY_GFX_PLANE: the picture that a plane shows now. A viewer makes only this call
  /// for every frame; it allocates nothing.
  ///
  /// - Returns: the driver's description, unchecked; `isOff` when the plane is off.
  /// - Throws: `VFIOError.system`. EINVAL, EFAULT and ENOMEM come and go while the guest sets a
  ///   mode.
  public func query(
    _ type: PlaneType, _ transport: PlaneTransport
  ) throws(VFIOError) -> GraphicsPlane {
    var query = Self.query
    query.flags = transport.flag
    query.drm_plane_type = type.rawValue
    try fd.ioctl(
      "VFIO_DEVICE_QUERY_GFX_PLANE", vgpu_VFIO_DEVICE_QUERY_GFX_PLANE, on: name, &query)
    return GraphicsPlane(query)
  }

  /// VFIO_DEVICE_GET_GFX_DMABUF: a descriptor of the dma-buf with an id that `query` told,
  /// close-on-exec. The caller owns it.
  ///
  /// Ask once for each id and keep the descriptor: i915 makes a second, distinct dma-buf of a second
  /// call, and mbochs loses count of its pages.
  ///
  /// - Throws: `VFIOError.system`; EINVAL when the guest has flipped to another buffer and the
  ///   driver no longer knows the id.
  public func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor {
    var id = id
    let number = try fd.ioctl(
      "VFIO_DEVICE_GET_GFX_DMABUF", vgpu_VFIO_DEVICE_GET_GFX_DMABUF, on: name, &id)
    let buffer = OwnedFileDescriptor(owning: Int32(number), kernel: fd.kernel)
    // mbochs forgets to set close-on-exec, and the kernel ABI has no flag that asks for it.
    try vfio { () throws(SystemCallError) in try buffer.setCloseOnExec(of: name) }
    return buffer
  }

  /// VFIO_DEVICE_GET_REGION_INFO of the region that a plane lies in.
  ///
  /// - Throws: `VFIOError.system`; `.malformed` when its capability chain makes no sense.
  public func regionInfo(_ index: UInt32) throws(VFIOError) -> RegionInfo {
    try queryRegion(index)
  }

  /// mmap(2) of the first `count` bytes of the region that a plane lies in, for reading only.
  ///
  /// - Parameters:
  ///   - region: the answer of `regionInfo`.
  ///   - count: bytes; rounded up to whole pages.
  /// - Throws: `VFIOError.outOfRange` when the region is shorter; `.system` of mmap(2).
  public func mapPixels(in region: RegionInfo, count: UInt64) throws(VFIOError) -> MappedMemory {
    guard count > 0, count <= region.size else {
      throw .outOfRange(
        object: name,
        reason: "a plane of \(count) bytes in region \(region.index) of \(region.size) bytes")
    }
    return try fd.mapRegion(region, 0..<count, access: .read, name: name)
  }

  private static var query: vfio_device_gfx_plane_info {
    // All zero, because i915 leaves the structure unchanged when a plane is off.
    var query = vfio_device_gfx_plane_info()
    query.argsz = UInt32(MemoryLayout<vfio_device_gfx_plane_info>.size)
    return query
  }
}
