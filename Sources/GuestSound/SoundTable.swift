// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization

/// One stream of a guest, between the guest's thread and the sound server's.
final class GuestStream: Sendable {
  let format: SoundFormat
  let records: Bool
  private let state: Mutex<State>

  private struct State {
    var playback: PlaybackBuffer
    var capture: CaptureBuffer
    var isEnabled = false
    /// Whether the user lets the guest hear or be heard.
    var isOpen: Bool
    var hasEnded = false
    var volume = SoundVolume.full
    /// The factor of each channel at the last frame: a jump would click.
    var factors: [Float]
    var scratch: [Float] = []
    var underflows = 0
  }

  init(_ format: SoundFormat, records: Bool, isOpen: Bool = true) {
    self.format = format
    self.records = records
    // The other buffer gets no memory.
    let none = SoundFormat.frequencies.lowerBound
    state = Mutex(
      State(
        playback: PlaybackBuffer(
          frequency: records ? none : format.frequency, channels: format.channels),
        capture: CaptureBuffer(
          frequency: records ? format.frequency : none, channels: format.channels),
        isOpen: isOpen,
        factors: Array(repeating: 1, count: format.channels)))
  }

  /// The most frames of one message: more than that is never kept.
  private var mostFrames: Int { format.frequency / 2 }

  // MARK: The guest's side

  /// - Returns: whether the server's thread has something to begin or to end.
  func setEnabled(_ isEnabled: Bool) -> Bool {
    state.withLock { state in
      if state.isEnabled == isEnabled { return false }
      state.isEnabled = isEnabled
      state.playback.isEnabled = isEnabled
      state.capture.reset()
      return true
    }
  }

  func setVolume(_ volume: SoundVolume) { state.withLock { $0.volume = volume } }

  func setOpen(_ isOpen: Bool) {
    state.withLock { state in
      guard state.isOpen != isOpen else { return }
      state.isOpen = isOpen
      state.capture.reset()
    }
  }

  func end() { state.withLock { $0.hasEnded = true } }

  /// - Returns: whether the stream was idle.
  func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
    state.withLock { state in
      let frames = min(bytes.count / format.bytesPerFrame, mostFrames)
      let count = frames * format.channels
      if state.scratch.count < count {
        state.scratch += Array(repeating: 0, count: count - state.scratch.count)
      }
      return state.scratch.withUnsafeMutableBufferPointer { scratch in
        let samples = UnsafeMutableBufferPointer(rebasing: scratch[..<count])
        _ = format.decode(bytes, into: samples)
        Self.apply(state.isOpen ? state.volume : .none, &state.factors, samples)
        return state.playback.write(UnsafeBufferPointer(samples))
      }
    }
  }

  func read(_ size: Int, at now: MonotonicInstant) -> [UInt8] {
    state.withLock { state in
      let frames = min(max(size, 0) / format.bytesPerFrame, mostFrames)
      let count = frames * format.channels
      if state.scratch.count < count {
        state.scratch += Array(repeating: 0, count: count - state.scratch.count)
      }
      return state.scratch.withUnsafeMutableBufferPointer { scratch in
        let samples = UnsafeMutableBufferPointer(rebasing: scratch[..<count])
        let taken = state.capture.read(
          into: samples, at: now.seconds(since: MonotonicInstant(nanoseconds: 0)))
        let heard = UnsafeMutableBufferPointer(rebasing: samples[..<(taken * format.channels)])
        Self.apply(state.volume, &state.factors, heard)
        return format.encode(UnsafeBufferPointer(heard))
      }
    }
  }

  /// Multiplies by the volume, gliding from the last one.
  private static func apply(
    _ volume: SoundVolume, _ factors: inout [Float], _ samples: UnsafeMutableBufferPointer<Float>
  ) {
    let channels = factors.count
    let frames = samples.count / channels
    guard frames > 0 else { return }
    for channel in 0..<channels {
      let (old, new) = (factors[channel], volume.factor(channel))
      if old == 1, new == 1 { continue }
      let step = (new - old) / Float(frames)
      for frame in 0..<frames {
        samples[frame * channels + channel] *= old + step * Float(frame + 1)
      }
      factors[channel] = new
    }
  }

  // MARK: The server's side

  /// Whether the guest lets the stream go on, and the user too.
  var isWanted: Bool { state.withLock { $0.isEnabled && $0.isOpen } }
  var hasEnded: Bool { state.withLock(\.hasEnded) }
  /// Whether nothing needs to be played.
  var isIdle: Bool { state.withLock { $0.playback.isIdle } }

  /// Takes frames to play.
  func take(into samples: UnsafeMutableBufferPointer<Float>) {
    state.withLock { state in _ = state.playback.read(into: samples) }
  }

  /// The frequency at which the server shall take frames.
  var frequency: UInt32 {
    let rate = state.withLock { $0.playback.rate }
    return UInt32(clamping: Int((rate * Double(format.frequency)).rounded()))
  }

  /// Adds what was heard.
  func add(_ samples: UnsafeBufferPointer<Float>) {
    state.withLock { state in if state.isEnabled, state.isOpen { state.capture.write(samples) } }
  }

  func noteUnderflows(_ count: UInt32) { state.withLock { $0.underflows += Int(count) } }

  var report: SoundReport {
    state.withLock { state in
      SoundReport(
        format: format, isRecorded: records, isEnabled: state.isEnabled,
        waiting: Duration.seconds(1)
          * (Double(records ? state.capture.count : state.playback.count)
            / Double(format.frequency)),
        target: Duration.seconds(1)
          * (Double(records ? 0 : state.playback.target) / Double(format.frequency)),
        rate: state.playback.rate, gaps: state.playback.gaps, underflows: state.underflows,
        dropped: state.playback.skipped
          + (records ? state.capture.dropped : state.playback.dropped))
    }
  }
}

/// How a guest's stream fares.
public struct SoundReport: Hashable, Sendable {
  /// The form of its sound.
  public let format: SoundFormat
  /// Whether the guest records with it.
  public let isRecorded: Bool
  /// Whether the guest lets it go on.
  public let isEnabled: Bool
  /// What waits here, on its way between guest and server.
  public let waiting: Duration
  /// What shall wait here; zero for a stream that is recorded.
  public let target: Duration
  /// How fast the server shall play, as a multiple of the guest's frequency.
  public let rate: Double
  /// How often the guest's frames came too late.
  public let gaps: Int
  /// How often the server had nothing to play.
  public let underflows: Int
  /// The frames that were left out, because too many waited or nobody took them.
  public let dropped: Int
}

/// The streams of one direction, by the guest's numbers.
final class SoundTable: SoundOutput, SoundInput {
  private let records: Bool
  private let state: Mutex<State>
  private let wake: @Sendable () -> Void

  private struct State {
    var streams: [UInt64: GuestStream] = [:]
    var isOpen: Bool
  }

  /// No guest has more; further ones are not heard.
  static let most = 16

  /// - Parameter wake: called when the server's thread has something to begin or to end.
  init(records: Bool, isOpen: Bool, wake: @escaping @Sendable () -> Void) {
    self.records = records
    state = Mutex(State(isOpen: isOpen))
    self.wake = wake
  }

  var all: [GuestStream] { state.withLock { Array($0.streams.values) } }

  private func stream(_ number: UInt64) -> GuestStream? { state.withLock { $0.streams[number] } }

  func begin(_ number: UInt64, _ format: SoundFormat) {
    state.withLock { state in
      state.streams[number]?.end()
      state.streams[number] = nil
      guard state.streams.count < Self.most else { return }
      state.streams[number] = GuestStream(format, records: records, isOpen: state.isOpen)
    }
    wake()
  }

  func end(_ number: UInt64) {
    state.withLock { $0.streams.removeValue(forKey: number) }?.end()
    wake()
  }

  func endAll() {
    let old = state.withLock { state in
      defer { state.streams = [:] }
      return state.streams.values
    }
    for stream in old { stream.end() }
    wake()
  }

  func setEnabled(_ number: UInt64, _ isEnabled: Bool) {
    if stream(number)?.setEnabled(isEnabled) == true { wake() }
  }

  var isOpen: Bool { state.withLock(\.isOpen) }

  /// Lets the guest hear or be heard, or not.
  func setOpen(_ isOpen: Bool) {
    state.withLock { state in
      state.isOpen = isOpen
      for stream in state.streams.values { stream.setOpen(isOpen) }
    }
    wake()
  }

  func setVolume(_ number: UInt64, _ volume: SoundVolume) { stream(number)?.setVolume(volume) }

  func write(_ bytes: UnsafeRawBufferPointer, to number: UInt64) {
    if stream(number)?.write(bytes) == true { wake() }
  }

  func read(_ size: Int, from number: UInt64) -> [UInt8] {
    stream(number)?.read(size, at: .now) ?? []
  }
}
