// SPDX-License-Identifier: Apache-2.0

import HostDevices
import SafeText

/// The numbers of the display bridge's protocol. `docs/bridge-protocol.md` describes every byte.
///
/// Each message is one datagram of a Unix socket of type SOCK_SEQPACKET. Numbers are little-endian,
/// and every type of message has one length.
public enum WireConstants {
  /// The versions that this library speaks.
  public static let versions: ClosedRange<UInt16> = 1...1
  /// The first field of both sides' first message: `VGPU` in ASCII.
  static let magic: UInt32 = 0x5550_4756
  /// The longest message of either side, in bytes.
  public static let longestMessage = 208
  /// The longest side of a picture, in pixels.
  static let largestSide: UInt32 = 16384

  static let headerLength = 8
  static let nameLength = 64
  static let reasonLength = 192
}

/// Why a datagram is no message.
@nonexhaustive
public enum ProtocolError: Error, Hashable, Sendable {
  /// No message of that side has this type.
  case unknownType(UInt16)
  /// The datagram's length is not that of its type, or not the length in its header.
  case wrongLength(type: UInt16, length: Int)
  /// A field has an invalid value.
  case invalid(field: String)
}

extension ProtocolError: CustomStringConvertible {
  /// One line: the message, and its defect.
  public var description: String {
    switch self {
    case .unknownType(let type): "a message of the unknown type \(type)"
    case .wrongLength(let type, let length): "a message of type \(type) with \(length) bytes"
    case .invalid(let field): "a message with an invalid \(field)"
    }
  }
}

/// Text in messages. It must be safe, because the other side shows it in windows and terminals.
enum WireText {
  /// Whether the text is safe to show in a terminal.
  static func isPrintable(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy(PlainText.isSafe)
  }

  /// The text without unsafe characters, cut to a length in bytes.
  static func cut(_ text: String, to length: Int) -> String {
    var cut = String.UnicodeScalarView()
    var count = 0
    for scalar in PlainText.line(text, limit: length).unicodeScalars {
      count += UTF8.width(scalar)
      if count > length { break }
      cut.append(scalar)
    }
    return String(cut)
  }
}
