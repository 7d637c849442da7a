// SPDX-License-Identifier: Apache-2.0
//
// A guest that lives elsewhere, shown by this package: the listings of "Writing a frame source".
//
//   swift run own-source

import DMABuf
import LinuxSystem
import VFIO
import VGPUDisplay

struct ManagersGuest: PlaneProvider {
  let name = "the manager's guest"
  let buffer: DMABuffer

  /// Makes the guest's memory: 480 lines of 640 pixels, 4 bytes each.
  init() throws {
    buffer = try DMABuffer.allocate(size: 2560 * 480, name: name)
  }

  /// Gives every pixel one colour, XRGB8888.
  func fill(_ colour: UInt32) throws {
    try buffer.map(.readWrite).write { bytes throws(SystemCallError) in
      for pixel in 0..<640 * 480 {
        bytes.storeBytes(of: colour, toByteOffset: pixel * 4, as: UInt32.self)
      }
    }
  }

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

/// Tells what a source shows, until nothing more comes.
@MainActor func follow(_ source: some FrameSource) async {
  for await update in DisplayUpdates(of: source) {
    if case .frame(let frame) = update.state {
      print("flip \(frame.flip), buffer \(frame.primary.id)")
    }
  }
}

/// One pixel of what it shows.
func colour(_ source: some FrameSource) throws -> String {
  guard case .frame(let frame) = source.poll() else { return "no picture" }
  return String(try Picture(copying: frame.primary).color(x: 639, y: 479), radix: 16)
}

let guest = try ManagersGuest()
try guest.fill(0x33_6699)
let source = DisplaySource(guest)
print("provider: \(try colour(source))")

let plane = guest.query(.primary, .dmaBuf)
let colours = TwoColours(
  buffers: try [0xFF_0000, 0x00_00FF].map { (colour: UInt32) in
    let guest = try ManagersGuest()
    try guest.fill(colour)
    return try PlaneBuffer(PlaneInfo(checking: plane), buffer: guest.buffer)
  })
print("source: \(try colour(colours))")
for _ in 0..<3 {
  colours.flip()
  print("source: \(try colour(colours))")
}

let watcher = Task { await follow(colours) }
try await Task.sleep(for: .milliseconds(50))
for _ in 0..<2 {
  colours.flip()
  try await Task.sleep(for: .milliseconds(50))
}
watcher.cancel()
await watcher.value
