// SPDX-License-Identifier: Apache-2.0

import CLinux
import DMABuf
public import LinuxSystem
import SystemPackage
public import TestPatterns
public import VFIO

/// A guest that exists only in this process: it flips among three buffers of its own at a set rate,
/// moves a pointer, and answers a display source's questions as a driver does.
///
/// Its frames then take the same way as a real guest's, so that a viewer can be tried and tested on
/// any machine. It draws when it is asked.
public struct SyntheticGuest: PlaneProvider {
  /// The guest's name, for titles and messages.
  public let name: String
  private let pattern: TestPattern
  private let framesPerSecond: Double
  private let clock: () -> MonotonicInstant
  private let screen: Screen

  /// Makes a guest and its buffers: dma-bufs when the machine has `/dev/udmabuf`, else memory files.
  ///
  /// - Parameters:
  ///   - name: its name in titles and messages.
  ///   - pattern: the picture that it draws.
  ///   - framesPerSecond: flips a second; with 0 it stays at the first frame.
  ///   - hasCursor: whether it has a cursor plane.
  ///   - tells: whether it signals a due frame and tells the changed pixels, as an event-driven
  ///     display does (`FrameSource.eventDescriptor`); else it has to be asked, like VFIO.
  ///   - clock: decides when a frame is due.
  /// - Throws: `SystemCallError` when the machine has no memory for the buffers.
  public init(
    name: String = "demo",
    pattern: TestPattern = TestPattern(width: 1024, height: 768, live: .full),
    framesPerSecond: Double = 60, hasCursor: Bool = true, tells: Bool = false,
    clock: @escaping () -> MonotonicInstant = { .now }
  ) throws(SystemCallError) {
    self.name = name
    self.pattern = pattern
    self.framesPerSecond = framesPerSecond
    self.clock = clock
    screen = try Screen(pattern: pattern, hasCursor: hasCursor, start: clock())
    if tells {
      let fd = try SystemCall.make("timerfd_create", on: name) { vgpu_timerfd() }
      screen.alarm = OwnedFileDescriptor(owning: Int32(fd))
      screen.damage = Damage(
        PixelRectangle(x: 0, y: 0, width: pattern.width, height: pattern.height))
      ring(after: 0)
    }
  }

  /// The buffers and their contents.
  private final class Screen {
    let buffers: [DMABuffer]
    let mappings: Mappings
    let cursor: DMABuffer?
    let start: MonotonicInstant
    var shown: UInt32 = 0
    /// Goes off when the next frame is due, if the guest signals frames.
    var alarm: OwnedFileDescriptor?
    var damage = Damage()

    init(pattern: TestPattern, hasCursor: Bool, start: MonotonicInstant) throws(SystemCallError) {
      let stride = pattern.width * 4
      var buffers: [DMABuffer] = []
      for index in 0..<SyntheticGuest.bufferCount {
        let buffer = try DMABuffer.allocate(size: stride * pattern.height, name: "demo \(index)")
        try buffer.map(.readWrite).write { bytes throws(SystemCallError) in
          pattern.draw(frame: 0, into: bytes, stride: stride, everything: true)
        }
        buffers.append(buffer)
      }
      self.buffers = buffers
      mappings = try Mappings(
        first: buffers[0].map(.readWrite), second: buffers[1].map(.readWrite),
        third: buffers[2].map(.readWrite))
      cursor = hasCursor ? try Self.makeCursor() : nil
      self.start = start
    }

    /// Three variables, because Swift has no array yet from which a non-copyable value can be
    /// borrowed.
    struct Mappings: ~Copyable {
      let first: DMABuffer.Mapping
      let second: DMABuffer.Mapping
      let third: DMABuffer.Mapping

      func write(
        _ index: Int, _ body: (UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Void
      ) throws(SystemCallError) {
        switch index {
        case 0: try first.write(body)
        case 1: try second.write(body)
        default: try third.write(body)
        }
      }
    }

    /// An arrow: white with a black edge, 64x64 ARGB8888 as i915 has it.
    private static func makeCursor() throws(SystemCallError) -> DMABuffer {
      let side = SyntheticGuest.cursorSide
      let buffer = try DMABuffer.allocate(size: side * side * 4, name: "demo cursor")
      try buffer.map(.readWrite).write { bytes throws(SystemCallError) in
        for y in 0..<24 {
          for x in 0...y * 2 / 3 {
            let isEdge = x == 0 || x == y * 2 / 3 || y == 23
            bytes.storeBytes(
              of: isEdge ? 0xFF00_0000 : 0xFFFF_FFFF, toByteOffset: (y * side + x) * 4,
              as: UInt32.self)
          }
        }
      }
      return buffer
    }
  }

  private static let bufferCount = 3
  private static let cursorSide = 64
  private static let cursorHandle: UInt32 = 100

  /// Hands out dma-bufs.
  public func transport() -> PlaneTransport? { .dmaBuf }

  /// Draws the due frame, unless it is already shown, and returns its buffer.
  ///
  /// - Throws: `VFIOError.system` when its own buffer cannot be written.
  public func query(
    _ type: PlaneType, _ transport: PlaneTransport
  ) throws(VFIOError) -> GraphicsPlane {
    switch type {
    case .primary: try primary()
    case .cursor: cursor()
    }
  }

  private func primary() throws(VFIOError) -> GraphicsPlane {
    let due = UInt32(
      truncatingIfNeeded: Int(clock().seconds(since: screen.start) * framesPerSecond))
    let index = Int(due) % Self.bufferCount
    let stride = pattern.width * 4
    if due != screen.shown {
      let pattern = pattern
      do {
        try screen.mappings.write(index) { bytes throws(SystemCallError) in
          pattern.draw(frame: due, into: bytes, stride: stride, everything: false)
        }
      } catch {
        throw .system(error)
      }
      addDamage()
      screen.shown = due
    }
    ring(after: due)
    return GraphicsPlane(
      format: FourCC.xrgb8888.rawValue, modifier: 0, width: UInt32(pattern.width),
      height: UInt32(pattern.height), stride: UInt32(stride),
      size: UInt32(stride * pattern.height), handle: UInt32(index + 1))
  }

  /// The rectangles in which the next frame differs from the shown one.
  private func addDamage() {
    guard eventDescriptor != nil else { return }
    let block = pattern.block
    let area = pattern.liveArea
    screen.damage.add(
      PixelRectangle(
        x: area.columns.lowerBound, y: area.lines.lowerBound, width: area.columns.count,
        height: area.lines.count))
    guard pattern.live != .spot else { return }
    screen.damage.add(PixelRectangle(x: 0, y: 0, width: 32 * block, height: 2 * block))
  }

  /// Sets the alarm to the time of the frame after this one.
  private func ring(after frame: UInt32) {
    guard let alarm = eventDescriptor, framesPerSecond > 0 else { return }
    let seconds = (Double(frame) + 1) / framesPerSecond
    let time = screen.start.advanced(nanoseconds: Int(min(seconds, 1e9) * 1e9) + 1)
    _ = vgpu_timerfd_set(alarm, time.nanoseconds)
  }

  /// The descriptor that becomes readable when a frame is due, if the guest signals frames.
  public var eventDescriptor: Int32? { screen.alarm?.rawValue }

  /// The shown frame's number, if the guest signals frames.
  public var revision: UInt64? { eventDescriptor.map { _ in UInt64(screen.shown) } }

  /// The difference from the frame at the last call, if the guest signals frames.
  public func takeDamage() -> Damage? {
    guard eventDescriptor != nil else { return nil }
    defer { screen.damage = Damage() }
    return screen.damage.clipped(
      to: PixelRectangle(x: 0, y: 0, width: pattern.width, height: pattern.height))
  }

  private func cursor() -> GraphicsPlane {
    guard screen.cursor != nil else {
      return GraphicsPlane(
        format: 0, modifier: 0, width: 0, height: 0, stride: 0, size: 0, handle: 0)
    }
    // The pointer moves along the diagonal and back, once in four seconds for a guest at 60 frames
    // a second.
    let phase = Int(screen.shown % 240)
    let way = phase < 120 ? phase : 240 - phase
    let side = UInt32(Self.cursorSide)
    return GraphicsPlane(
      format: FourCC.argb8888.rawValue, modifier: 0, width: side, height: side, stride: side * 4,
      size: side * side * 4, x: UInt32(pattern.width * way / 120),
      y: UInt32(pattern.height * way / 120), hotspotX: 0, hotspotY: 0, handle: Self.cursorHandle)
  }

  /// A descriptor of one of its buffers.
  ///
  /// - Throws: `VFIOError.system`: ENOENT for an id that no query returned.
  public func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor {
    let index = Int(id) - 1
    let buffer =
      id == Self.cursorHandle
      ? screen.cursor
      : screen.buffers.indices.contains(index) ? screen.buffers[index] : nil
    guard let buffer else {
      throw .system(
        SystemCallError(
          call: "VFIO_DEVICE_GET_GFX_DMABUF", object: name, errno: .noSuchFileOrDirectory))
    }
    do {
      return try buffer.duplicate()
    } catch {
      throw .system(error)
    }
  }

  /// Always fails, because the guest has no regions.
  ///
  /// - Throws: `VFIOError.unsupported`, always.
  public func mapPixels(
    inRegion index: UInt32, count: UInt64
  ) throws(VFIOError) -> MappedMemory {
    throw .unsupported(object: name, feature: "region \(index)")
  }
}
