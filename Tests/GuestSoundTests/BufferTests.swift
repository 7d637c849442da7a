// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import GuestSound

/// The buffer between a guest and a sound server, with clocks of its own.
@Suite struct BufferTests {
  /// A guest and a server whose clocks differ.
  private struct Race {
    var buffer = PlaybackBuffer(frequency: 48000, channels: 1)
    /// The guest's clock, as a multiple of the server's.
    let drift: Double
    /// The frames that the server takes at once.
    let quantum: Int
    var random = SeededGenerator(seed: 11)
    private var time = 0.0
    private var due = 0.0
    private var chunks = 0
    private var fraction = 0.0
    private var written = 0
    /// The silent frames that the server got after the guest had begun.
    private(set) var silent = 0
    private(set) var taken = 0
    private(set) var most = 0

    init(drift: Double, quantum: Int = 256) {
      self.drift = drift
      self.quantum = quantum
      buffer.isEnabled = true
    }

    /// Goes on for a while. The guest writes 10 ms at a time, up to `jitter` late.
    mutating func run(seconds: Double, jitter: Double = 0.003) {
      let end = time + seconds
      var samples = [Float](repeating: 0, count: 480)
      var target = [Float](repeating: 0, count: quantum * 2)
      while time < end {
        // What the server takes of the stream depends on the rate that it was told.
        fraction += Double(quantum) * buffer.rate
        let count = Int(fraction)
        fraction -= Double(count)
        time += Double(quantum) / 48000
        while due < time {
          for index in samples.indices { samples[index] = Float(written + index + 1) }
          written += 480
          _ = samples.withUnsafeBufferPointer { buffer.write($0) }
          chunks += 1
          due = Double(chunks) * 0.01 / drift + .random(in: 0...jitter, using: &random)
        }
        let real = target.withUnsafeMutableBufferPointer {
          buffer.read(into: UnsafeMutableBufferPointer(rebasing: $0[..<count]))
        }
        if taken > 0 { silent += count - real }
        taken += real
        most = max(most, buffer.count)
      }
    }

    mutating func forget() { (silent, most) = (0, 0) }
  }

  /// Minutes: neither does the buffer run dry, nor does what waits grow.
  @Test(arguments: [0.975, 0.988, 0.996, 0.999, 1, 1.0003, 1.004], [256, 1024])
  func driftIsCorrected(drift: Double, quantum: Int) {
    var race = Race(drift: drift, quantum: quantum)
    race.run(seconds: 100)
    race.forget()
    race.run(seconds: 200)
    #expect(race.silent == 0)
    #expect(race.buffer.skipped == 0 && race.buffer.dropped == 0)
    #expect(race.most < 48 * 80, "\(race.most)")
    #expect(abs(race.buffer.rate - drift) < 3e-4, "\(race.buffer.rate)")
  }

  /// QEMU with its own period (docs/facts.md): what ran out tells how slow the guest is, and it does not run out
  /// for long.
  @Test(arguments: [0.98, 0.99, 0.996]) func aSlowGuestIsLearned(drift: Double) {
    var race = Race(drift: drift)
    race.run(seconds: 20)
    #expect(
      race.buffer.gaps > 0 && race.buffer.gaps < (drift < 0.99 ? 12 : 6), "\(race.buffer.gaps)")
    #expect(abs(race.buffer.rate - drift) < 0.003, "\(race.buffer.rate)")
    race.forget()
    race.run(seconds: 100)
    #expect(race.silent == 0)
  }

  /// Many pieces are late, and the speed is found nevertheless.
  @Test(arguments: [0.99, 1, 1.003], [0, 0.05])
  func speedIsMeasured(speed: Double, stall: Double) throws {
    var random = SeededGenerator(seed: 5)
    var meter = SpeedMeter()
    #expect(meter.speed == nil)
    var (time, pieces, due) = (0.0, 0, 0.0)
    while time < 8 {
      while due < time {
        meter.write(0.01)
        pieces += 1
        // It stands still once, and does not make up for it.
        due = Double(pieces) * 0.01 / speed + (pieces > 300 ? stall : 0)
        if pieces % 3 != 0 { due += .random(in: 0...0.06, using: &random) }
      }
      meter.take(256 / 48000)
      time += 256 / 48000
    }
    let found = try #require(meter.speed)
    #expect(abs(found.rate - speed) < 0.002, "\(found)")
    #expect(found.time > 3)
  }

  /// A guest that is late, and not slow, is not taken for a slow one.
  @Test func aLateGuestIsNotSlow() {
    var race = Race(drift: 1)
    race.run(seconds: 2)
    for _ in 0..<20 {
      race.run(seconds: 2)
      race.run(seconds: 1.3, jitter: 0.06)
      #expect(abs(race.buffer.rate - 1) < 0.004, "\(race.buffer.rate)")
    }
    #expect(race.buffer.gaps > 0 && race.buffer.skipped == 0)
  }

  /// A guest that is late at times gets a longer buffer, and then plays without gaps.
  @Test func theBufferAdapts() {
    var race = Race(drift: 1)
    race.run(seconds: 2)
    let first = race.buffer.target
    #expect(first >= 48 * 20 && first <= 48 * 30)
    race.run(seconds: 60, jitter: 0.06)
    #expect(race.buffer.target > first && race.buffer.gaps > 0)
    race.forget()
    race.run(seconds: 60, jitter: 0.06)
    #expect(race.silent < 48 * 100)
    let long = race.buffer.target
    race.run(seconds: 300)
    #expect(race.buffer.target < long)
  }

  private func write(_ buffer: inout PlaybackBuffer, _ count: Int, _ value: Float = 1) -> Bool {
    [Float](repeating: value, count: count).withUnsafeBufferPointer { buffer.write($0) }
  }

  private func read(_ buffer: inout PlaybackBuffer, _ count: Int) -> [Float] {
    var samples = [Float](repeating: 9, count: count)
    _ = samples.withUnsafeMutableBufferPointer { buffer.read(into: $0) }
    return samples
  }

  /// A guest that stops has run out of frames by its own will.
  @Test func anEndIsNoGap() {
    var buffer = PlaybackBuffer(frequency: 48000, channels: 1)
    #expect(buffer.isIdle)
    buffer.isEnabled = true
    #expect(write(&buffer, 4800))
    #expect(!write(&buffer, 48) && !buffer.isIdle)
    for _ in 0..<20 { #expect(read(&buffer, 48).allSatisfy { $0 == 1 }) }
    #expect(read(&buffer, 480).allSatisfy { $0 == 0 })
    buffer.isEnabled = false
    for _ in 0..<200 { _ = read(&buffer, 480) }
    #expect(buffer.isIdle && buffer.gaps == 0)
    buffer.isEnabled = true
    #expect(write(&buffer, 480))
    #expect(buffer.target == 48 * 20)
  }

  /// A server that stalls keeps half a second at most, and what is old goes when it is back.
  @Test func whatNobodyTakesGoes() {
    var buffer = PlaybackBuffer(frequency: 48000, channels: 1)
    buffer.isEnabled = true
    for round in 0..<1000 { _ = write(&buffer, 480, Float(round)) }
    #expect(buffer.count == 24000 && buffer.dropped == 480_000 - 24000)
    let first = read(&buffer, 256)
    #expect(first.last == 998, "\(first.last ?? 0)")
    for round in 0..<20 { _ = write(&buffer, 480, Float(round)) }
    #expect(read(&buffer, 256).first == 18 && buffer.skipped == 9600 + 704 - 960)
    // More than the whole ring at once.
    _ = write(&buffer, 1_000_000)
    #expect(buffer.count == 24000)
  }

  @Test func captureFollowsTheMicrophone() {
    var buffer = CaptureBuffer(frequency: 48000, channels: 2)
    var samples = [Float](repeating: 1, count: 960)
    func read(at now: Double) -> Int {
      samples.withUnsafeMutableBufferPointer { buffer.read(into: $0, at: now) }
    }
    #expect(read(at: 10) == 0)
    [Float](repeating: 0.5, count: 200).withUnsafeBufferPointer { buffer.write($0) }
    #expect(read(at: 10.01) == 100 && samples[0] == 0.5)
    // It says nothing for a while: first nothing, then silence at the guest's own frequency.
    #expect(read(at: 10.1) == 0)
    var silent = 0
    for step in 0...100 { silent += read(at: 10.1 + Double(step) / 100) }
    #expect(abs(silent - 48000) < 1000 && samples[0] == 0)
    [Float](repeating: 0.5, count: 48000).withUnsafeBufferPointer { buffer.write($0) }
    #expect(buffer.count == 4800 && buffer.dropped == 24000 - 4800)
    buffer.reset()
    #expect(read(at: 20) == 0)
  }
}
