// SPDX-License-Identifier: Apache-2.0

/// The display bridge's protocol: what its numbers are. `docs/bridge-protocol.md` describes every
/// byte.
///
/// Each message is one datagram of a Unix socket of type SOCK_SEQPACKET. Numbers are little-endian,
/// and every type of message has one length.
public enum WireConstants {
  /// The versions that this library speaks.
  public static let versions: ClosedRange<UInt16> = 1...1
  /// The first field of both sides' first message: `VGPU` in ASCII.
  public static let magic: UInt32 = 0x5550_4756
  /// The longest message of either side, in bytes.
  public static let longestMessage = 208
  /// The longest side of a picture, in pixels.
  public static let largestSide: UInt32 = 16384

  static let headerLength = 8
  static let nameLength = 64
  static let reasonLength = 192
}
