// SPDX-License-Identifier: Apache-2.0

import GuestSound

/// One call of QEMU's to a listener of sound (org.qemu.Display1.AudioOutListener, AudioInListener),
/// checked.
enum SoundCall {
  /// There is a stream; QEMU says what it is.
  case begin(UInt64, SoundFormat)
  /// There is a stream no more.
  case end(UInt64)
  /// The guest lets a stream go on, or rest.
  case enable(UInt64, Bool)
  /// The guest sets a stream's volume.
  case volume(UInt64, SoundVolume)
  /// The guest plays these bytes (`ay`).
  case write(UInt64, Variant)
  /// The guest wants bytes that were recorded, so many at most.
  case read(UInt64, Int)

  /// The calls, with the types of their arguments. `Write` belongs to the listener of what is played,
  /// `Read` to that of what is recorded, and the others to both.
  static let signatures: [(member: String, signature: String)] = [
    ("Init", "(tybbuyuub)"), ("Fini", "(t)"), ("SetEnabled", "(tb)"), ("SetVolume", "(tbay)"),
    ("Write", "(tay)"), ("Read", "(tt)"),
  ]

  /// The most bytes of one `Read`. QEMU wants some thousands; its processors wait for the answer.
  static let mostRead = 1 << 16

  /// Reads a call.
  ///
  /// - Throws: `DisplayDefect`.
  init(_ member: String, _ body: Variant?) throws(DisplayDefect) {
    guard let signature = Self.signatures.first(where: { $0.member == member })?.signature else {
      throw .unknownCall(member)
    }
    guard let parts = body?.members(signature), let id = parts[0].uint64 else {
      throw .signature(member, body?.signature ?? "()")
    }
    switch member {
    case "Init": self = .begin(id, try SoundFormat(told: parts))
    case "Fini": self = .end(id)
    case "SetEnabled": self = .enable(id, parts[1].bool == true)
    case "SetVolume":
      self = .volume(
        id,
        SoundVolume(
          isMuted: parts[1].bool == true,
          channels: parts[2].withBytes { bytes in
            // More channels than any stream has are not looked at.
            bytes.prefix(SoundFormat.channelCounts.upperBound).map { Float($0) / 255 }
          } ?? []))
    case "Write": self = .write(id, parts[1])
    default: self = .read(id, Int(clamping: min(parts[1].uint64 ?? 0, UInt64(Self.mostRead))))
    }
  }
}

extension SoundFormat {
  /// The form that `Init` tells: bits, is_signed, is_float, freq, nchannels, bytes_per_frame,
  /// bytes_per_second, be.
  fileprivate init(told parts: [Variant]) throws(DisplayDefect) {
    let (bits, isSigned, isFloat) = (parts[1].byte ?? 0, parts[2].bool, parts[3].bool)
    let (frequency, channels) = (Int(parts[4].uint32 ?? 0), Int(parts[5].byte ?? 0))
    let sample: Sample? =
      switch (bits, isSigned, isFloat) {
      case (8, true, false): .int8
      case (8, false, false): .uint8
      case (16, true, false): .int16
      case (16, false, false): .uint16
      case (32, true, false): .int32
      case (32, false, false): .uint32
      // Some versions call floating point signed, and some do not.
      case (32, _, true): .float32
      default: nil
      }
    guard let sample,
      let format = SoundFormat(
        sample, isBigEndian: parts[8].bool == true, frequency: frequency, channels: channels),
      // What follows from the rest is only compared.
      parts[6].uint32.map(Int.init) == format.bytesPerFrame,
      parts[7].uint32.map(Int.init) == format.bytesPerFrame * frequency
    else { throw .soundFormat(bits: Int(bits), frequency: frequency, channels: channels) }
    self = format
  }
}
