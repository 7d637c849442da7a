// SPDX-License-Identifier: Apache-2.0

// A viewer of a guest that draws into the shown buffer and tells nothing: what its threads take of the CPU
// while the picture is at rest, and after which time a change is handed over.
//
//   AtRest rest WIDTH HEIGHT SECONDS
//   AtRest changes WIDTH HEIGHT COUNT LINES
//
// A change is a rectangle of LINES lines, or of one pixel when LINES is 1, at a random place; it comes when
// the picture has been at rest for a random time from 1.2 to 2.2 s. Prints NAME=VALUE lines.

import DMABuf
import Glibc
import LinuxSystem
import Synchronization
import VFIO
import VGPUDisplay
import ViewerGTK

/// A guest in this process.
final class DrawingGuest: PlaneProvider, Sendable {
  let name = "a guest at rest"
  let (width, height): (Int, Int)
  private let buffer: DMABuffer
  /// When the change was made that is not shown yet. The lock is held while it is made.
  private let pending = Mutex<MonotonicInstant?>(nil)
  private let delays = Mutex<[Double]>([])
  private let looks = Mutex(0)

  init(_ width: Int, _ height: Int) throws(SystemCallError) {
    (self.width, self.height) = (width, height)
    // Plain memory: what the comparison costs is the same, and no driver is needed.
    buffer = try DMABuffer.allocate(
      size: width * height * 4, name: name, udmabuf: "/nonexistent")
    try buffer.map(.readWrite).write { bytes throws(SystemCallError) in
      for pixel in 0..<width * height {
        let value = UInt32(truncatingIfNeeded: pixel &* 2_654_435_761)
        bytes.storeBytes(of: value, toByteOffset: pixel * 4, as: UInt32.self)
      }
    }
  }

  func transport() -> PlaneTransport? { .dmaBuf }

  func query(_ type: PlaneType, _ transport: PlaneTransport) -> GraphicsPlane {
    guard type == .primary else {
      return GraphicsPlane(
        format: 0, modifier: 0, width: 0, height: 0, stride: 0, size: 0, handle: 0)
    }
    looks.withLock { $0 += 1 }
    return GraphicsPlane(
      format: FourCC.xrgb8888.rawValue, modifier: FormatModifier.linear.rawValue,
      width: UInt32(width), height: UInt32(height), stride: UInt32(width * 4),
      size: UInt32(width * height * 4), handle: 1)
  }

  func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor {
    do { return try buffer.duplicate() } catch { throw .system(error) }
  }

  func mapPixels(inRegion index: UInt32, count: UInt64) throws(VFIOError) -> MappedMemory {
    throw .unsupported(object: name, feature: "region \(index)")
  }

  /// A viewer asks for damage when it hands a frame over, and at no other time.
  func takeDamage() -> Damage? {
    let delay = pending.withLock { made -> Double? in
      defer { made = nil }
      return made.map { seconds(since: $0) }
    }
    if let delay { delays.withLock { $0.append(delay) } }
    return nil
  }

  var lookCount: Int { looks.withLock { $0 } }
  var results: [Double] { delays.withLock { $0 } }

  /// Makes changes until there are so many.
  func change(_ count: Int, lines: Int) {
    guard let memory = try? buffer.map(.readWrite) else { return }
    var made = 0
    while made < count {
      // Changes that are not seen are waited for.
      usleep(UInt32.random(in: 1_200_000...2_200_000))
      while pending.withLock({ $0 != nil }) { usleep(1000) }
      let size = lines == 1 ? 1 : Int.random(in: 1...min(200, width))
      let (x, y) = (Int.random(in: 0...width - size), Int.random(in: 0...height - lines))
      pending.withLock { change in
        change = .now
        try? memory.write { bytes throws(SystemCallError) in
          for line in y..<y + lines {
            for byte in (line * width + x) * 4..<(line * width + x + size) * 4 {
              bytes[byte] ^= 0x55
            }
          }
        }
      }
      made += 1
    }
    while pending.withLock({ $0 != nil }) { usleep(1000) }
  }
}

func seconds(since start: MonotonicInstant) -> Double {
  Double(MonotonicInstant.now.nanoseconds &- start.nanoseconds) / 1e9
}

/// The seconds of CPU time that this process has taken.
func processTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

let arguments = CommandLine.arguments
let numbers = arguments.dropFirst(2).compactMap { Int($0) }
guard arguments.count > 4, numbers.count == arguments.count - 2,
  arguments[1] == "rest" || arguments[1] == "changes" && numbers.count == 4
else {
  print("usage: AtRest rest WIDTH HEIGHT SECONDS | AtRest changes WIDTH HEIGHT COUNT LINES")
  exit(2)
}
do throws(any Error) {
  let guest = try DrawingGuest(numbers[0], numbers[1])
  let isResting = arguments[1] == "rest"
  try SystemThread.detach(for: "the guest") {
    if isResting {
      // The window's start, and the second until the picture is at rest.
      sleep(6)
      let (before, looks, start) = (processTime(), guest.lookCount, MonotonicInstant.now)
      sleep(UInt32(numbers[2]))
      let seconds = seconds(since: start)
      print("cpu=\((processTime() - before) / seconds)")
      print("looks=\(Double(guest.lookCount - looks) / seconds)")
    } else {
      sleep(6)
      guest.change(numbers[2], lines: numbers[3])
      for delay in guest.results { print("delay=\(delay)") }
    }
    fflush(nil)
    kill(getpid(), SIGTERM)
  }
  let statistics = try Viewer.run(
    source: DisplaySource(guest),
    options: ViewerOptions(scaling: .oneToOne, isFullscreen: true, time: .seconds(3600)))
  print("path=\(statistics.path?.rawValue ?? "none")")
  print("comparison=\(statistics.changeDetection?.rawValue ?? "none")")
} catch {
  print("error=\(error)")
  exit(1)
}
