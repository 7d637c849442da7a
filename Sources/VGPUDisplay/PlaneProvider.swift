// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import VFIO

/// It answers a display source's questions: a VFIO device, or an object that behaves like one.
/// `DisplayDevice` describes the calls.
public protocol PlaneProvider: ~Copyable {
  /// The device's name, for titles and messages.
  var name: String { get }
  /// How the pixels are handed out; `nil` when there is no display.
  ///
  /// - Throws: `VFIOError` when the device cannot be asked.
  func transport() throws(VFIOError) -> PlaneTransport?
  /// The driver's description of a plane now, unchecked.
  ///
  /// - Throws: `VFIOError`; EINVAL, EFAULT and ENOMEM count as a mode that is being set.
  func query(_ type: PlaneType, _ transport: PlaneTransport) throws(VFIOError) -> GraphicsPlane
  /// The dma-buf with an id that `query` returned.
  ///
  /// - Throws: `VFIOError`. ENOENT too means that the guest has flipped to another buffer.
  func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor
  /// The first `count` bytes of a region that `query` returned, for reading.
  ///
  /// - Throws: `VFIOError` when the region is shorter, or cannot be mapped.
  func mapPixels(inRegion index: UInt32, count: UInt64) throws(VFIOError) -> MappedMemory
  /// A descriptor that becomes readable when the guest shows something new; see
  /// `FrameSource.eventDescriptor`. `nil` for a provider that has to be asked.
  var eventDescriptor: Int32? { get }
  /// Counts the changes that the provider was told of; see `Frame.revision`.
  var revision: UInt64? { get }
  /// The changed parts of the picture since the last call; see `FrameSource.takeDamage()`.
  func takeDamage() -> Damage?
}

extension PlaneProvider where Self: ~Copyable {
  /// `nil`: the provider has to be asked.
  public var eventDescriptor: Int32? { nil }
  /// It cannot tell.
  public var revision: UInt64? { nil }
  /// It cannot tell.
  public func takeDamage() -> Damage? { nil }
}

extension DisplayDevice: PlaneProvider {
  public func mapPixels(
    inRegion index: UInt32, count: UInt64
  ) throws(VFIOError) -> MappedMemory {
    try mapPixels(in: regionInfo(index), count: count)
  }
}
