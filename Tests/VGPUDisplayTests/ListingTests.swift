// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import Testing
import VFIO
import VGPUDisplay

/// The listings of VGPUDisplay's articles, which Scripts/docs compares with what stands here.
@Suite struct ListingTests {
  /// A manager's guest: one buffer that the manager was handed.
  struct ManagersGuest: PlaneProvider {
    let name = "the manager's guest"
    let buffer: DMABuffer

    func transport() -> PlaneTransport? { .dmaBuf }

    func query(_ type: PlaneType, _ transport: PlaneTransport) -> GraphicsPlane {
      guard type == .primary else {
        return GraphicsPlane(
          format: 0, modifier: 0, width: 0, height: 0, stride: 0, size: 0, handle: 0)
      }
      return GraphicsPlane(
        format: FourCC.xrgb8888.rawValue, modifier: FormatModifier.linear.rawValue,
        width: 640, height: 480, stride: 2560, size: 2560 * 480, handle: 1)
    }

    func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor {
      do {
        return try buffer.duplicate()
      } catch {
        throw .system(error)
      }
    }

    func mapPixels(inRegion index: UInt32, count: UInt64) throws(VFIOError) -> MappedMemory {
      throw .unsupported(object: name, feature: "region \(index)")
    }
  }

  /// Frames that are there already, of two buffers.
  final class TwoColours: FrameSource {
    let name = "two colours"
    private(set) var counters = SourceCounters()
    private let buffers: [PlaneBuffer]
    private var frame: Frame?

    init(buffers: [PlaneBuffer]) {
      self.buffers = buffers
    }

    /// The guest shows another buffer.
    func flip() {
      counters.flips += 1
      frame = Frame(
        primary: buffers[counters.flips % buffers.count], cursor: nil,
        flip: UInt64(counters.flips), detectedAt: .now)
    }

    func poll() -> DisplayState {
      counters.queries += 1
      guard let frame else { return .noPicture(.planeOff) }
      return .frame(frame)
    }
  }

  private func buffer(_ color: UInt32) throws -> DMABuffer {
    let buffer = try DMABuffer.allocate(size: 2560 * 480, name: "test")
    try buffer.map(.readWrite).write { bytes throws(SystemCallError) in
      _ = bytes.initializeMemory(as: UInt32.self, repeating: color)
    }
    return buffer
  }

  @Test func aProviderIsShownByADisplaySource() throws {
    let memory = try buffer(0x12_3456)
    let source = DisplaySource(ManagersGuest(buffer: memory))
    guard case .frame(let frame) = source.poll() else {
      Issue.record("\(source.poll())")
      return
    }
    #expect(frame.cursor == nil)
    #expect(try Picture(copying: frame.primary).color(x: 639, y: 479) == 0x12_3456)
    #expect(source.counters.gets == 1)
    guard case .frame(let again) = source.poll() else {
      Issue.record("the picture is gone")
      return
    }
    #expect(again.primary === frame.primary)
    #expect(again.flip == 1)
    #expect(source.counters.gets == 1)
  }

  @Test func aSourceTellsItsFlips() throws {
    let plane = ManagersGuest(buffer: try buffer(0)).query(.primary, .dmaBuf)
    let source = TwoColours(
      buffers: try [0xFF_0000, 0x00_00FF].map { color in
        try PlaneBuffer(PlaneInfo(checking: plane), buffer: buffer(color))
      })
    guard case .noPicture(.planeOff) = source.poll() else {
      Issue.record("a picture before the first flip")
      return
    }
    for color: UInt32 in [0x00_00FF, 0xFF_0000, 0x00_00FF] {
      source.flip()
      guard case .frame(let frame) = source.poll() else {
        Issue.record("no picture after flip \(source.counters.flips)")
        return
      }
      #expect(frame.flip == UInt64(source.counters.flips))
      #expect(try Picture(copying: frame.primary).color(x: 0, y: 0) == color)
    }
  }
}
