// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import VFIO

/// What answers a display source's questions: a VFIO device, or something that behaves like one.
/// The calls are those of `DisplayDevice`, where they are described.
public protocol PlaneProvider: ~Copyable {
  /// What is looked at, for titles and messages.
  var name: String { get }
  /// How the pixels are handed out; `nil` when there is no display.
  ///
  /// - Throws: `VFIOError` when the device cannot be asked.
  func transport() throws(VFIOError) -> PlaneTransport?
  /// What a plane shows now, unchecked.
  ///
  /// - Throws: `VFIOError`; EINVAL, EFAULT and ENOMEM count as a mode that is being set.
  func query(_ type: PlaneType, _ transport: PlaneTransport) throws(VFIOError) -> GraphicsPlane
  /// The dma-buf with an id that `query` told.
  ///
  /// - Throws: `VFIOError`; ENOENT too counts as a guest that has flipped on.
  func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor
  /// The first `count` bytes of a region that `query` told, for reading.
  ///
  /// - Throws: `VFIOError` when the region is shorter, or cannot be mapped.
  func mapPixels(inRegion index: UInt32, count: UInt64) throws(VFIOError) -> MappedMemory
  /// What becomes readable when there is something new; see `FrameSource.eventDescriptor`. `nil` for a
  /// provider that has to be asked.
  var eventDescriptor: Int32? { get }
  /// Counts the changes that the provider was told of; see `Frame.revision`.
  var revision: UInt64? { get }
  /// Where the picture has changed since the last call; see `FrameSource.takeDamage()`.
  func takeDamage() -> Damage?
}

extension PlaneProvider where Self: ~Copyable {
  /// It has to be asked.
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
