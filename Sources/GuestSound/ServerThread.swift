// SPDX-License-Identifier: Apache-2.0

import CPulse
import LinuxSystem
import SafeText

/// The thread that has the connection to the sound server. After each turn of its loop it looks at what the
/// guest has, and at what the server wants.
final class ServerThread {
  private let shared: SharedSound
  private let guest: () -> String
  private let server: String?
  private var streams: [ObjectIdentifier: ServerStream] = [:]
  private var isConnected = false
  private var attempts = Backoff()

  init(_ shared: SharedSound, guest: @escaping () -> String, server: String?) {
    self.shared = shared
    self.guest = guest
    self.server = server
  }

  func run() {
    while !shared.hasStopped {
      guard vgpu_pulse_turn(shared.loop.raw, serve()) else { break }
    }
    disconnect()
  }

  /// Does what is due.
  ///
  /// - Returns: how long the next turn may wait, in microseconds; negative without end.
  private func serve() -> Int32 {
    let wanted = shared.output.all + shared.input.all
    // The streams of a guest go with it, and so does the connection, after the last of them.
    if wanted.isEmpty {
      disconnect()
      attempts.reset()
      shared.problem = nil
      return -1
    }
    guard isConnected else { return wanted.contains(where: \.isWanted) ? connect() : -1 }
    switch vgpu_pulse_get_state(shared.loop.raw) {
    case VGPU_PULSE_BEGINNING: return -1
    case VGPU_PULSE_READY: break
    default:
      shared.problem = .server(
        reason: PlainText.line(String(cString: vgpu_pulse_error(shared.loop.raw))))
      disconnect()
      return attempts.fail()
    }
    let present = Set(wanted.map { ObjectIdentifier($0) })
    streams = streams.filter { present.contains($0.key) }
    var wait: Int32 = -1
    var problem: SoundError?
    for stream in wanted {
      let id = ObjectIdentifier(stream)
      let own = streams[id] ?? ServerStream(stream, name)
      streams[id] = own
      let next = own.serve(shared.loop.raw)
      if next >= 0 { wait = wait < 0 ? next : min(wait, next) }
      if own.hasFailed { problem = .server(reason: "it refuses a stream") }
    }
    if problem == nil { attempts.reset() }
    shared.problem = problem
    return wait
  }

  /// The guest's name, as it is known now.
  private var name: String {
    let name = PlainText.line(guest(), limit: 128)
    // The server refuses streams without a name.
    return name.isEmpty ? "guest" : name
  }

  private func connect() -> Int32 {
    let due = attempts.wait
    if due > 0 { return due }
    isConnected = true
    let identifier = "swift-vgpu"
    if vgpu_pulse_connect(shared.loop.raw, server, name, identifier) { return 0 }
    shared.problem = .server(
      reason: PlainText.line(String(cString: vgpu_pulse_error(shared.loop.raw))))
    disconnect()
    return attempts.fail()
  }

  private func disconnect() {
    streams = [:]
    if isConnected { vgpu_pulse_disconnect(shared.loop.raw) }
    isConnected = false
  }
}

/// The pauses between attempts.
struct Backoff {
  private static let pauses: [Duration] = [
    .milliseconds(250), .milliseconds(500), .seconds(1), .seconds(2),
  ]
  private var failures = 0
  private var due: MonotonicInstant?

  mutating func reset() {
    failures = 0
    due = nil
  }

  /// Notes a failure.
  ///
  /// - Returns: the pause, in microseconds.
  mutating func fail() -> Int32 {
    let pause = Self.pauses[min(failures, Self.pauses.count - 1)]
    failures += 1
    due = .now.advanced(by: pause)
    return wait
  }

  /// What is left of the pause, in microseconds.
  var wait: Int32 {
    guard let due else { return 0 }
    let left = MonotonicInstant.now.duration(to: due) / .microseconds(1)
    return Int32(max(0, min(left, 1e9)).rounded(.up))
  }
}

/// One stream at the sound server.
private final class ServerStream {
  private let stream: GuestStream
  private let guest: String
  private var raw: OpaquePointer?
  private var isResting = true
  private var rate: UInt32 = 0
  private var length: UInt32
  private var rated = MonotonicInstant.now
  private var attempts = Backoff()
  /// Since when the server has had nothing to play.
  private var dry: MonotonicInstant?
  private(set) var hasFailed = false
  private var scratch: [Float]

  /// The frames of one copy.
  private static let chunk = 1024
  /// How much the server holds, in milliseconds: from the first to the most, when it ran out.
  private static let firstLength: UInt32 = 20
  private static let mostLength: UInt32 = 160
  /// The time between two looks at the rate.
  private static let ratePeriod = Duration.milliseconds(500)
  /// How long a server that gets all that it asks for may have nothing to play.
  private static let longestDrought = Duration.seconds(1)

  init(_ stream: GuestStream, _ guest: String) {
    self.stream = stream
    self.guest = guest
    length = UInt32(stream.format.frequency) * Self.firstLength / 1000
    scratch = [Float](repeating: 0, count: Self.chunk * stream.format.channels)
  }

  deinit { close() }

  private func close() {
    if let raw { vgpu_pulse_stream_free(raw) }
    raw = nil
    isResting = true
    dry = nil
  }

  /// Does what is due.
  ///
  /// - Returns: how long it may wait, in microseconds; negative without end.
  func serve(_ pulse: OpaquePointer) -> Int32 {
    guard let raw else { return open(pulse) }
    switch vgpu_pulse_stream_get_state(raw) {
    case VGPU_PULSE_BEGINNING: return -1
    case VGPU_PULSE_READY:
      hasFailed = false
      return stream.records ? record(raw) : play(raw)
    default:
      close()
      hasFailed = true
      return attempts.fail()
    }
  }

  private func open(_ pulse: OpaquePointer) -> Int32 {
    guard stream.isWanted else { return -1 }
    let due = attempts.wait
    if due > 0 { return due }
    let frequency = UInt32(stream.format.frequency)
    raw = vgpu_pulse_stream_new(
      pulse, guest,
      vgpu_pulse_format(
        records: stream.records, rate: frequency, channels: UInt8(stream.format.channels),
        length: stream.records ? frequency / 100 : length))
    rate = frequency
    hasFailed = raw == nil
    return raw == nil ? attempts.fail() : -1
  }

  // MARK: Playing

  private func play(_ raw: OpaquePointer) -> Int32 {
    let isIdle = stream.isIdle
    if isIdle != isResting {
      vgpu_pulse_stream_set_resting(raw, isIdle)
      isResting = isIdle
    }
    if isResting {
      dry = nil
      return -1
    }
    // PipeWire 0.3 that was stopped for a moment may lose count of what it has asked for. It then plays
    // silence for ever, each frame after its time, although it gets all that it asks for.
    if vgpu_pulse_stream_is_dry(raw) {
      let since = dry ?? .now
      dry = since
      if since.duration(to: .now) >= Self.longestDrought {
        close()
        return attempts.fail()
      }
    } else {
      dry = nil
      attempts.reset()
    }
    // Without end only when the server wants ever more.
    for _ in 0..<256 {
      let wanted = min(vgpu_pulse_stream_writable(raw), Self.chunk)
      if wanted == 0 { break }
      scratch.withUnsafeMutableBufferPointer { scratch in
        let samples = UnsafeMutableBufferPointer(
          rebasing: scratch[..<(wanted * stream.format.channels)])
        stream.take(into: samples)
        _ = vgpu_pulse_stream_write(raw, samples.baseAddress, wanted)
      }
    }
    adapt(raw)
    return Int32(Self.ratePeriod / .microseconds(1))
  }

  private func adapt(_ raw: OpaquePointer) {
    let underflows = vgpu_pulse_stream_take_underflows(raw)
    if underflows > 0 {
      stream.noteUnderflows(underflows)
      let most = UInt32(stream.format.frequency) * Self.mostLength / 1000
      if length < most {
        length = min(length * 2, most)
        vgpu_pulse_stream_set_length(raw, length)
      }
    }
    let now = MonotonicInstant.now
    guard rated.duration(to: now) >= Self.ratePeriod else { return }
    rated = now
    let wanted = stream.frequency
    guard wanted != rate else { return }
    rate = wanted
    vgpu_pulse_stream_set_rate(raw, wanted)
  }

  // MARK: Recording

  private func record(_ raw: OpaquePointer) -> Int32 {
    guard stream.isWanted else {
      // The desktop shows a microphone in use, so it is in use only while the guest listens.
      close()
      return -1
    }
    attempts.reset()
    var frames = 0
    for _ in 0..<256 {
      let samples = vgpu_pulse_stream_peek(raw, &frames)
      if frames == 0 { break }
      if let samples {
        stream.add(
          UnsafeBufferPointer(start: samples, count: frames * stream.format.channels))
      }
      vgpu_pulse_stream_drop(raw)
    }
    return -1
  }
}
