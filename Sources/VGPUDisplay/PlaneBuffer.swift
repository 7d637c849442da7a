// SPDX-License-Identifier: Apache-2.0

public import DMABuf
public import LinuxSystem
import Synchronization
import SystemPackage

/// The pixels of a plane and their layout: a dma-buf, or a region of the device. It is checked that
/// the picture lies inside the memory.
///
/// The picture is a part of the image in the memory (`crop`), mostly all of it, and may be upside down.
/// Whoever shows it honours both. The CPU need not know them: `lines` says where each line lies.
///
/// It stays the same object as long as the driver shows the same buffer, so that a renderer can
/// keep the image that it imported. Do not share it between threads.
public final class PlaneBuffer {
  /// The place of the pixels.
  @nonexhaustive
  public enum Storage {
    /// In a dma-buf, for importing or mapping.
    case dmaBuf(DMABuffer)
    /// In a region of the device, mapped for reading.
    case region
  }

  /// Differs from the id of every other buffer that this process has seen.
  public let id: UInt64
  /// The layout in the memory of the image that the picture is a part of.
  public let layout: ImageLayout
  /// The part of the image that is the picture; see `PlaneInfo.crop`.
  public let crop: PixelRectangle
  /// Whether the first line in memory is the lowest one of the picture.
  public let isUpsideDown: Bool
  /// Where the picture's lines lie, for the CPU; `nil` when they do not lie line after line.
  public let lines: PictureLines?
  /// The place of the pixels.
  public let storage: Storage

  /// The end of the picture in bytes. The buffer may be larger, as large as its maker likes.
  package let end: Int
  /// It is set once. It is not part of an enum, because `Pixels` cannot be borrowed from an enum
  /// case beside a class reference.
  private var pixels: Pixels?

  private enum Pixels: ~Copyable {
    case buffer(DMABuffer.Mapping)
    case region(MappedMemory)
  }

  private static let lastID = Atomic<UInt64>(0)

  private static func nextID() -> UInt64 {
    lastID.wrappingAdd(1, ordering: .relaxed).newValue
  }

  /// Takes a dma-buf whose size was compared with `info`.
  ///
  /// - Throws: `PlaneDefect.shortBuffer`.
  public init(_ info: PlaneInfo, buffer: DMABuffer) throws(PlaneDefect) {
    try info.check(bufferSize: buffer.size)
    id = Self.nextID()
    layout = info.layout
    crop = info.crop
    isUpsideDown = info.isUpsideDown
    end = info.end
    lines = PictureLines(info, isPlain: buffer.isPlainMemory)
    storage = .dmaBuf(buffer)
  }

  /// Takes a mapped region whose size was compared with `info`.
  ///
  /// - Throws: `PlaneDefect.shortBuffer`.
  public init(_ info: PlaneInfo, region: consuming MappedMemory) throws(PlaneDefect) {
    try info.check(bufferSize: region.count)
    id = Self.nextID()
    layout = info.layout
    crop = info.crop
    isUpsideDown = info.isUpsideDown
    end = info.end
    lines = PictureLines(info, isPlain: true)
    storage = .region
    pixels = .region(region)
  }

  /// The picture's size.
  public var size: PixelSize { PixelSize(width: crop.width, height: crop.height) }

  /// Whether the picture is all of its image, and the right way up.
  public var isWhole: Bool {
    !isUpsideDown && crop.width == layout.width && crop.height == layout.height
  }

  /// The place in the image, in lines of the memory, of a rectangle of the picture.
  public func imageRectangle(of rectangle: PixelRectangle) -> PixelRectangle {
    let y = isUpsideDown ? crop.height - rectangle.y - rectangle.height : rectangle.y
    return PixelRectangle(
      x: crop.x + rectangle.x, y: crop.y + y, width: rectangle.width, height: rectangle.height)
  }

  /// Whether the CPU can read the pixels. Ask before a software renderer gets the buffer: a buffer that
  /// cannot be mapped crashes the renderer when it draws.
  public var isMappable: Bool { (try? mapIfNeeded()) != nil }

  /// Whether the memory went away during a read. The buffer cannot be read again then.
  var isGone: Bool { hasGone.load(ordering: .relaxed) }
  private let hasGone = Atomic(false)

  /// Lets the CPU read the memory, from its start to the picture's end. A buffer is mapped at the first
  /// call and stays mapped. The guest may change the bytes at any time.
  ///
  /// - Throws: `SystemCallError` when the buffer cannot be mapped or synchronised; EFAULT when its
  ///   memory went away meanwhile, for example because the device was reset. The bytes that `body`
  ///   saw are then no picture, and a source fetches the buffer anew at its next look.
  public func withPixels<Result>(
    _ body: (UnsafeRawBufferPointer) throws(SystemCallError) -> Result
  ) throws(SystemCallError) -> Result {
    try mapIfNeeded()
    switch pixels {
    case .buffer(let mapping):
      defer { if mapping.isGone { hasGone.store(true, ordering: .relaxed) } }
      return try mapping.read(body)
    case .region(let memory):
      defer { if memory.isGone { hasGone.store(true, ordering: .relaxed) } }
      return try memory.read(body)
    case nil:
      throw SystemCallError(call: "mmap", object: "plane", errno: .badAddress)
    }
  }

  private func mapIfNeeded() throws(SystemCallError) {
    guard case .dmaBuf(let buffer) = storage, pixels == nil else { return }
    pixels = .buffer(try buffer.map(.read, count: end))
  }
}
