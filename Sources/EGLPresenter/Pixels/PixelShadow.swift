// SPDX-License-Identifier: Apache-2.0

import CXXHash
import DMABuf
import LinuxSystem
public import VGPUDisplay

/// Hashes of a frame's picture and pointer, with which the CPU finds out whether they have changed.
public final class FrameShadow {
  private let picture = PixelShadow()
  private let pointer = PixelShadow()

  /// Nothing is known yet.
  public init() {}

  /// The reading speed of the picture's buffer; see `PixelShadow.rate`.
  var rate: Double? { picture.rate }

  /// Whether a frame's pixels differ from those at the last call with this frame's buffers and
  /// `flip`; `true` at the first call, and when the picture cannot be read.
  ///
  /// - Parameters:
  ///   - frame: the frame.
  ///   - search: how much of its picture is searched. All of the pointer is.
  public func hasChanged(_ frame: Frame, _ search: ChangeSearch = .whole) -> Bool {
    // Picture and pointer are both compared every time: a change that one of them misses now would
    // count as a change next time.
    let hasPointerChanged = hasPointerChanged(frame)
    return ((try? hasPictureChanged(frame, search)) ?? true) || hasPointerChanged
  }

  func hasPictureChanged(
    _ frame: Frame, _ search: ChangeSearch
  ) throws(SystemCallError) -> Bool {
    try picture.hasChanged(frame.primary, epoch: frame.flip, search)
  }

  /// A pointer that cannot be read counts as unchanged.
  func hasPointerChanged(_ frame: Frame) -> Bool {
    guard let cursor = frame.cursor else { return false }
    return (try? pointer.hasChanged(cursor.buffer, epoch: frame.flip)) ?? false
  }
}

/// The key of what is known: a buffer, from one flip to the next.
struct PixelsKey: Equatable {
  let buffer: UInt64
  let epoch: UInt64
}

/// A hash of each line of a buffer. A change is missed with a probability of 2^-64; a copy of the
/// buffer would be as large as the picture, and would have to be read, too.
final class PixelShadow {
  private var hashes: [UInt64] = []
  private var key: PixelsKey?
  /// The lines of the last sample: those with this remainder.
  private var sampled = 0
  /// The reading speed of the buffer at the first call, in bytes a second; `nil` when the buffer was
  /// too small for a measurement.
  private(set) var rate: Double?

  /// The smallest buffer, in bytes, whose reading speed can be measured.
  private static let telling = 1 << 19
  /// The size, in bytes, above which comparing takes longer than a refresh: twice the size of a
  /// screen of 7680x4320 pixels.
  private static let most = 1 << 28

  /// The number of bytes that are kept of the last buffer.
  var count: Int { hashes.count * MemoryLayout<UInt64>.size }

  /// Whether a buffer's bytes differ from those at the last call for it; `true` at the first call,
  /// and for a picture that is too large to compare.
  ///
  /// - Parameters:
  ///   - buffer: the plane's buffer; only its pixels are read.
  ///   - epoch: a number that changes whenever the buffer may have been drawn without a call of
  ///     this function. What is known from another epoch does not count.
  ///   - search: how much of the picture is searched.
  /// - Throws: `SystemCallError` when the buffer cannot be read.
  func hasChanged(
    _ buffer: PlaneBuffer, epoch: UInt64, _ search: ChangeSearch = .whole
  ) throws(SystemCallError) -> Bool {
    let key = PixelsKey(buffer: buffer.id, epoch: epoch)
    let isKnown = key == self.key
    self.key = nil
    let runs = buffer.runs
    guard runs.bytes <= Self.most else { return true }
    let hasChanged = try buffer.withPixels { (memory) throws(SystemCallError) in
      guard let start = memory.baseAddress, runs.end <= memory.count else { return true }
      let first = start + runs.start
      guard isKnown, runs.count == hashes.count else {
        learn(runs, first)
        return true
      }
      if search == .sample, runs.spacing > 1, !hasSampleChanged(runs, first) { return false }
      return update(runs, first)
    }
    self.key = key
    return hasChanged
  }

  private func learn(_ runs: PixelRuns, _ source: UnsafeRawPointer) {
    let start = MonotonicInstant.now
    if hashes.count != runs.count { hashes = [UInt64](repeating: 0, count: runs.count) }
    _ = update(runs, source)
    let seconds = MonotonicInstant.now.seconds(since: start)
    rate = runs.bytes >= Self.telling && seconds > 0 ? Double(runs.bytes) / seconds : nil
  }

  private func hasSampleChanged(_ runs: PixelRuns, _ source: UnsafeRawPointer) -> Bool {
    sampled = (sampled + 1) % runs.spacing
    for run in stride(from: sampled, to: runs.count, by: runs.spacing)
    where runs.hash(of: run, source) != hashes[run] {
      return true
    }
    return false
  }

  private func update(_ runs: PixelRuns, _ source: UnsafeRawPointer) -> Bool {
    var hasChanged = false
    for run in 0..<runs.count {
      let hash = runs.hash(of: run, source)
      guard hash != hashes[run] else { continue }
      hashes[run] = hash
      hasChanged = true
    }
    return hasChanged
  }
}

/// The place of a picture's bytes in a buffer: runs of one length at one distance. Which way up the
/// picture lies makes no difference.
private struct PixelRuns {
  let start: Int
  let count: Int
  let length: Int
  let distance: Int
  /// Of so many runs in a row, one is in a change that is 16 lines high; 1 when nothing is known
  /// about the runs' places in the picture.
  let spacing: Int
  /// The length of the last run.
  let lastLength: Int

  var bytes: Int { (count - 1) * length + lastLength }
  var end: Int { start + (count - 1) * distance + lastLength }

  /// The hash of a run's bytes.
  func hash(of run: Int, _ source: UnsafeRawPointer) -> UInt64 {
    XXH3_64bits(source + run * distance, run == count - 1 ? lastLength : length)
  }
}

extension PlaneBuffer {
  /// The picture's bytes: the pixels of its lines or, in a tiled layout, all bytes of its image.
  fileprivate var runs: PixelRuns {
    // The numbers were checked when the buffer was made, so no operation overflows.
    if let lines {
      return PixelRuns(
        start: lines.bytes.lowerBound, count: lines.count, length: lines.length,
        distance: abs(lines.step), spacing: 16, lastLength: lines.length)
    }
    // Intel's X tiles have 8 lines of 512 bytes each, one after the other: a change that is 16 lines
    // high has all lines of a tile. In other layouts a run is a part of any lines.
    let (length, spacing) = layout.modifier == .i915XTiled ? (512, 8) : (1 << 16, 1)
    let start = layout.planes.first?.offset ?? 0
    let count = max(1, (end - start + length - 1) / length)
    return PixelRuns(
      start: start, count: count, length: length, distance: length, spacing: spacing,
      lastLength: end - start - (count - 1) * length)
  }
}
