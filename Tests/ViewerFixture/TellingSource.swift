// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import TestPatterns
import VGPUDisplay

/// A guest that tells when it has something new. As it ends it prints how often it was looked at, how many of
/// its frames were seen, and how many there were from the first that was seen to the last.
final class TellingSource: FrameSource {
  private let guest: DisplaySource<SyntheticGuest>
  private var looks = 0
  private let turned: TurnedBuffers?
  /// The number of the guest's frame that is due now.
  private let number: () -> Int
  private var first: Int?

  /// - Parameters:
  ///   - stopsAfter: the frame after which the guest stands still; 0 for none.
  ///   - goesOn: when it goes on after that; `nil` for not yet.
  ///   - isUpsideDown: shows the same pictures upside down in memory, in larger images.
  init(
    framesPerSecond: Double, stopsAfter: Int, isUpsideDown: Bool,
    goesOn: @escaping @Sendable () -> MonotonicInstant?
  ) throws {
    turned = isUpsideDown ? try TurnedBuffers(640, 480) : nil
    let start = MonotonicInstant.now
    let last = stopsAfter > 0 ? Double(stopsAfter) + 0.5 : .infinity
    let seconds = { @Sendable () -> Double in
      let now = MonotonicInstant.now
      let stop = last / framesPerSecond
      return min(now.seconds(since: start), stop) + (goesOn().map { now.seconds(since: $0) } ?? 0)
    }
    number = { Int(min(seconds() * framesPerSecond, 1e9)) }
    guest = DisplaySource(
      try SyntheticGuest(
        pattern: TestPattern(width: 640, height: 480), framesPerSecond: framesPerSecond,
        hasCursor: false, tells: true,
        clock: { start.advanced(nanoseconds: Int(min(seconds(), 1e9) * 1e9)) }))
  }

  deinit {
    report("looks=\(looks)")
    report("flips=\(guest.counters.flips)")
    report("made=\(number() - (first ?? 0) + 1)")
  }

  var name: String { guest.name }
  var counters: SourceCounters { guest.counters }
  var eventDescriptor: Int32? { guest.eventDescriptor }

  func takeDamage() -> Damage? { guest.takeDamage() }

  func poll() -> DisplayState {
    looks += 1
    let state = guest.poll()
    if first == nil, case .frame = state { first = number() }
    guard let turned, case .frame(let frame) = state else { return state }
    return turned.turn(frame).map { .frame($0) } ?? state
  }
}

/// Copies of pictures that are upside down, in the middle of larger images.
final class TurnedBuffers {
  private let info: PlaneInfo
  private let memory: [DMABuffer]
  private let buffers: [PlaneBuffer]
  private var last: (revision: UInt64?, frame: Frame)?
  private var count: UInt64 = 0

  init(_ width: Int, _ height: Int) throws {
    let info = try PlaneInfo(
      checking: ImageLayout(
        width: width + 7, height: height + 9, format: .xrgb8888, stride: (width + 7) * 4),
      crop: PixelRectangle(x: 3, y: 5, width: width, height: height), isUpsideDown: true)
    self.info = info
    memory = try (0..<3).map { _ in try DMABuffer.allocate(size: info.end, name: "turned") }
    buffers = try memory.map { try PlaneBuffer(info, buffer: $0) }
  }

  /// The same picture in another buffer than the last one; `nil` when it cannot be copied.
  func turn(_ frame: Frame) -> Frame? {
    if let last, last.revision == frame.revision { return last.frame }
    count += 1
    let index = Int(count % 3)
    let (source, target) = (frame.primary.layout, info)
    do {
      try frame.primary.withPixels { pixels throws(SystemCallError) in
        try memory[index].map(.readWrite).write { bytes throws(SystemCallError) in
          for y in 0..<target.crop.height {
            let line = target.crop.y + target.crop.height - 1 - y
            let start = line * target.layout.stride + target.crop.x * 4
            UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + target.crop.width * 4])
              .copyMemory(
                from: UnsafeRawBufferPointer(
                  rebasing: pixels[y * source.stride..<y * source.stride + target.crop.width * 4]))
          }
        }
      }
    } catch {
      return nil
    }
    let turned = Frame(
      primary: buffers[index], cursor: nil, flip: count, detectedAt: frame.detectedAt,
      revision: frame.revision)
    last = (frame.revision, turned)
    return turned
  }
}
