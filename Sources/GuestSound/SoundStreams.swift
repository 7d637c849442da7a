// SPDX-License-Identifier: Apache-2.0

/// The streams of one direction, as a guest's sound devices have them. Whoever has the guest's sound calls
/// it, on any thread. No call waits, whatever the sound server does.
public protocol SoundStreams: AnyObject, Sendable {
  /// The guest has a stream, which rests. A stream of this number that was there before has ended.
  func begin(_ stream: UInt64, _ format: SoundFormat)
  /// The guest has the stream no more.
  func end(_ stream: UInt64)
  /// The guest lets the stream go on, or rest.
  func setEnabled(_ stream: UInt64, _ isEnabled: Bool)
  /// The guest sets the stream's volume.
  func setVolume(_ stream: UInt64, _ volume: SoundVolume)
  /// The guest has no stream any more, or nobody knows any.
  func endAll()
}

/// What the guest plays.
public protocol SoundOutput: SoundStreams {
  /// Takes what the guest plays, in the stream's form. An unknown stream's bytes are dropped.
  func write(_ bytes: UnsafeRawBufferPointer, to stream: UInt64)
}

/// What the guest records.
public protocol SoundInput: SoundStreams {
  /// What was recorded since the last call, in the stream's form: whole frames, and `size` bytes at most.
  func read(_ size: Int, from stream: UInt64) -> [UInt8]
}

/// How loud a stream is, as the guest sets it. A channel's amplitude is multiplied by its value.
public struct SoundVolume: Hashable, Sendable {
  /// Whether nothing is heard.
  public let isMuted: Bool
  /// The factor of each channel, 0 to 1; 1 for further channels.
  public let channels: [Float]

  /// Full volume.
  public static let full = SoundVolume(isMuted: false, channels: [])

  /// No sound.
  static let none = SoundVolume(isMuted: true, channels: [])

  /// Makes a volume; factors beyond 0 to 1 become the nearest one.
  public init(isMuted: Bool, channels: [Float]) {
    self.isMuted = isMuted
    self.channels = channels.prefix(SoundFormat.channelCounts.upperBound).map {
      $0 > 0 ? min($0, 1) : 0
    }
  }

  /// A channel's factor.
  func factor(_ channel: Int) -> Float {
    isMuted ? 0 : channels.indices.contains(channel) ? channels[channel] : 1
  }
}
