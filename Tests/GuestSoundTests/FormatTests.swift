// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import GuestSound

/// Samples, there and back.
@Suite struct FormatTests {
  private func decode(_ format: SoundFormat, _ bytes: [UInt8], place: Int = 64) -> [Float] {
    var samples = [Float](repeating: 9, count: place)
    let frames = samples.withUnsafeMutableBufferPointer { samples in
      bytes.withUnsafeBytes { format.decode($0, into: samples) }
    }
    return Array(samples[..<(frames * format.channels)])
  }

  @Test(
    arguments: [
      (.uint8, false, [0, 128, 192], [-1, 0, 0.5]),
      (.int8, false, [0x80, 0, 0x40], [-1, 0, 0.5]),
      (.int16, false, [0, 0x80, 0, 0, 0, 0x40], [-1, 0, 0.5]),
      (.int16, true, [0x80, 0, 0, 0, 0x40, 0], [-1, 0, 0.5]),
      (.uint16, false, [0, 0, 0, 0x80, 0, 0xC0], [-1, 0, 0.5]),
      (.int32, true, [0x80, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0], [-1, 0, 0.5]),
      (.uint32, true, [0, 0, 0, 0, 0x80, 0, 0, 0, 0xC0, 0, 0, 0], [-1, 0, 0.5]),
      (.float32, true, [0xBF, 0x80, 0, 0, 0, 0, 0, 0, 0x3F, 0, 0, 0], [-1, 0, 0.5]),
    ] as [(SoundFormat.Sample, Bool, [UInt8], [Float])])
  func numbers(sample: SoundFormat.Sample, isBig: Bool, bytes: [UInt8], values: [Float]) throws {
    let format = try #require(
      SoundFormat(sample, isBigEndian: isBig, frequency: 48000, channels: 1))
    #expect(decode(format, bytes) == values)
    #expect(values.withUnsafeBufferPointer { format.encode($0) } == bytes)
  }

  @Test(arguments: SoundFormat.Sample.allCases, [false, true])
  func thereAndBack(sample: SoundFormat.Sample, isBig: Bool) throws {
    let format = try #require(
      SoundFormat(sample, isBigEndian: isBig, frequency: 48000, channels: 2))
    var random = SeededGenerator(seed: 5)
    let bytes = (0..<format.bytesPerFrame * 16).map { _ in UInt8.random(in: 0...255, using: &random)
    }
    let once = decode(format, bytes)
    #expect(once.count == 32 && once.allSatisfy { (-1...1).contains($0) })
    let again = decode(format, once.withUnsafeBufferPointer { format.encode($0) })
    for (first, second) in zip(once, again) { #expect(abs(first - second) < 1e-6) }
  }

  /// The last frames, when there is no place for all, and no part of a frame.
  @Test func whatDoesNotFit() throws {
    let format = try #require(SoundFormat(.uint8, frequency: 8000, channels: 2))
    #expect(decode(format, [0, 0, 128, 128, 192, 192, 7], place: 5) == [0, 0, 0.5, 0.5])
    #expect(decode(format, [1]) == [])
    let float = try #require(SoundFormat(.float32, frequency: 8000, channels: 1))
    // Not a number, infinity, and far too loud.
    #expect(
      decode(float, [0, 0, 0xC0, 0x7F, 0, 0, 0x80, 0x7F, 0, 0, 0, 0x4F]) == [0, 0, 1])
    for (frequency, channels) in [(0, 1), (3999, 1), (192_001, 2), (48000, 0), (48000, 9)] {
      #expect(SoundFormat(.int16, frequency: frequency, channels: channels) == nil)
    }
  }

  @Test func volume() {
    #expect(SoundVolume.full.factor(7) == 1)
    let volume = SoundVolume(isMuted: false, channels: [0.5, 7, -1, .nan])
    #expect((0..<5).map(volume.factor) == [0.5, 1, 0, 0, 1])
    #expect(SoundVolume(isMuted: true, channels: [1]).factor(0) == 0)
  }
}
