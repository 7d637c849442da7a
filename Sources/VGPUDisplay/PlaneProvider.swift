// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import VFIO

/// What answers a display source's questions: a VFIO device, or something that behaves like one.
/// The calls are those of `DisplayDevice`, where they are described.
public protocol PlaneProvider: ~Copyable {
  /// What is looked at, for titles and messages.
  var name: String { get }
  /// How the pixels are handed out; `nil` when there is no display.
  func transport() throws(VFIOError) -> PlaneTransport?
  /// What a plane shows now, unchecked.
  func query(_ type: PlaneType, _ transport: PlaneTransport) throws(VFIOError) -> GraphicsPlane
  /// The dma-buf with an id that `query` told.
  func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor
  /// The first `count` bytes of a region that `query` told, for reading.
  func mapPixels(inRegion index: UInt32, count: UInt64) throws(VFIOError) -> MappedMemory
}

extension DisplayDevice: PlaneProvider {
  public func mapPixels(
    inRegion index: UInt32, count: UInt64
  ) throws(VFIOError) -> MappedMemory {
    try mapPixels(in: regionInfo(index), count: count)
  }
}
