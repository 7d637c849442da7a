// SPDX-License-Identifier: Apache-2.0

/// The form of a guest's sound: what its samples are, and how many come in a second. A value of this
/// type is within the limits below.
public struct SoundFormat: Hashable, Sendable {
  /// What one sample is.
  public enum Sample: CaseIterable, Hashable, Sendable {
    /// A signed byte.
    case int8
    /// A byte, with silence at 128.
    case uint8
    /// A signed number of two bytes.
    case int16
    /// A number of two bytes, with silence in the middle.
    case uint16
    /// A signed number of four bytes.
    case int32
    /// A number of four bytes, with silence in the middle.
    case uint32
    /// A number of four bytes with a point (IEEE 754), from -1 to 1.
    case float32

    /// The size in bytes.
    public var size: Int {
      switch self {
      case .int8, .uint8: 1
      case .int16, .uint16: 2
      case .int32, .uint32, .float32: 4
      }
    }
  }

  /// What one sample is.
  public let sample: Sample
  /// Whether the first byte of a sample is its most significant one.
  public let isBigEndian: Bool
  /// Frames in a second; a frame has one sample for each channel.
  public let frequency: Int
  /// The number of channels, in the order of WAVE's extensible format.
  public let channels: Int

  /// The frequencies that sound servers and guests' devices have, in Hz.
  public static let frequencies = 4000...192_000
  /// From mono to 7.1.
  public static let channelCounts = 1...8

  /// Checks a form of sound.
  ///
  /// - Returns: `nil` when the frequency or the number of channels is beyond the limits.
  public init?(_ sample: Sample, isBigEndian: Bool = false, frequency: Int, channels: Int) {
    guard Self.frequencies.contains(frequency), Self.channelCounts.contains(channels) else {
      return nil
    }
    self.sample = sample
    self.isBigEndian = isBigEndian
    self.frequency = frequency
    self.channels = channels
  }

  /// The size of a frame in bytes.
  public var bytesPerFrame: Int { sample.size * channels }
}

extension SoundFormat {
  /// Reads whole frames; bytes of a part of a frame at the end are left out.
  ///
  /// - Parameters:
  ///   - bytes: the guest's samples. Values that are no numbers become silence, and none is louder than 1.
  ///   - samples: gets the samples, -1 to 1; those of the last frames, when it has no place for all.
  /// - Returns: the number of frames that were read.
  func decode(
    _ bytes: UnsafeRawBufferPointer, into samples: UnsafeMutableBufferPointer<Float>
  ) -> Int {
    let frames = min(bytes.count / bytesPerFrame, samples.count / channels)
    let count = frames * channels
    let skipped = bytes.count / bytesPerFrame - frames
    let bytes = UnsafeRawBufferPointer(rebasing: bytes[(skipped * bytesPerFrame)...])
    switch sample {
    case .int8: decode(bytes, count, samples, Int8.self) { Float($0) / 0x1p7 }
    case .uint8: decode(bytes, count, samples, UInt8.self) { (Float($0) - 0x1p7) / 0x1p7 }
    case .int16: decode(bytes, count, samples, Int16.self) { Float($0) / 0x1p15 }
    case .uint16: decode(bytes, count, samples, UInt16.self) { (Float($0) - 0x1p15) / 0x1p15 }
    case .int32: decode(bytes, count, samples, Int32.self) { Float($0) / 0x1p31 }
    case .uint32:
      decode(bytes, count, samples, UInt32.self) { Float(Int32(bitPattern: $0 ^ 1 << 31)) / 0x1p31 }
    case .float32:
      decode(bytes, count, samples, UInt32.self) {
        let value = Float(bitPattern: $0)
        return value.isFinite ? min(max(value, -1), 1) : 0
      }
    }
    return frames
  }

  private func decode<Raw: FixedWidthInteger>(
    _ bytes: UnsafeRawBufferPointer, _ count: Int, _ samples: UnsafeMutableBufferPointer<Float>,
    _: Raw.Type, _ value: (Raw) -> Float
  ) {
    for index in 0..<count {
      let raw = bytes.loadUnaligned(
        fromByteOffset: index * MemoryLayout<Raw>.size, as: Raw.self)
      samples[index] = value(isBigEndian ? raw.bigEndian : raw.littleEndian)
    }
  }

  /// The bytes of samples, -1 to 1, in this form.
  func encode(_ samples: UnsafeBufferPointer<Float>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(samples.count * sample.size)
    for value in samples {
      let value = min(max(value, -1), 1)
      // The nearest number; 1 itself is beyond the largest.
      func scaled(_ bits: Int) -> Int64 {
        let full = Double(Int64(1) << Int64(bits - 1))
        return Int64(min((Double(value) * full).rounded(), full - 1))
      }
      switch sample {
      case .int8: append(UInt8(bitPattern: Int8(scaled(8))), to: &bytes)
      case .uint8: append(UInt8(scaled(8) + 1 << 7), to: &bytes)
      case .int16: append(UInt16(bitPattern: Int16(scaled(16))), to: &bytes)
      case .uint16: append(UInt16(scaled(16) + 1 << 15), to: &bytes)
      case .int32: append(UInt32(bitPattern: Int32(scaled(32))), to: &bytes)
      case .uint32: append(UInt32(scaled(32) + 1 << 31), to: &bytes)
      case .float32: append(value.bitPattern, to: &bytes)
      }
    }
    return bytes
  }

  private func append<Raw: FixedWidthInteger>(_ raw: Raw, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: isBigEndian ? raw.bigEndian : raw.littleEndian) { bytes += $0 }
  }
}
