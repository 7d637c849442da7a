// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds

/// The base block of an EDID (VESA E-EDID 1.4, section 3): what a monitor says of itself.
public struct EDID: Hashable, Sendable {
  /// The length of a block in bytes.
  public static let blockSize = 128

  /// The base block, 128 bytes.
  public let bytes: [UInt8]

  /// The mode that the monitor is best at: the first detailed timing that makes sense, of an
  /// interlaced one both fields' lines at the rate of the fields. `nil` when there is none, and when
  /// an EDID before 1.4 does not say that its first timing is the preferred one.
  public let preferredMode: DisplayMode?

  /// The name in the display product name descriptor, without blanks and filling at its end; `nil`
  /// when there is none. Bytes that are no printable ASCII characters are shown as `?`.
  public let name: String?

  /// Reads what someone else made.
  ///
  /// - Parameter bytes: a base block, and any number of extension blocks behind it, which are not
  ///   looked at.
  /// - Throws: `EDIDError.malformed` when the length is not that of whole blocks, or when the
  ///   header, the version or the base block's checksum is wrong.
  public init(parsing bytes: [UInt8]) throws(EDIDError) {
    guard !bytes.isEmpty, bytes.count % Self.blockSize == 0 else {
      throw .malformed(reason: "\(bytes.count) bytes, where whole blocks of 128 are needed")
    }
    let block = Array(bytes.prefix(Self.blockSize))
    guard block.starts(with: BaseBlock.header) else {
      throw .malformed(reason: "it does not begin with 00 FF FF FF FF FF FF 00")
    }
    guard block[BaseBlock.version] == 1 else {
      throw .malformed(reason: "version \(block[BaseBlock.version]), where only 1 is known")
    }
    let sum = block.reduce(0) { $0 &+ $1 }
    guard sum == 0 else {
      throw .malformed(reason: "the base block's bytes add up to \(sum) (modulo 256), not to 0")
    }
    self.init(block: block)
  }

  /// - Parameter block: 128 bytes with a valid header, version and checksum.
  init(block: [UInt8]) {
    bytes = block
    let descriptors = BaseBlock.descriptors.map { block[$0..<$0 + DetailedTiming.byteCount] }
    let hasPreferred =
      block[BaseBlock.version + 1] >= 4 || block[BaseBlock.features] & BaseBlock.isPreferred != 0
    preferredMode =
      hasPreferred
      ? descriptors.lazy.compactMap(DetailedTiming.init(parsing:)).first.map { timing in
        DisplayMode(
          width: timing.horizontal.active,
          height: timing.vertical.active * (timing.isInterlaced ? 2 : 1),
          refreshRate: timing.refreshRate)
      } : nil
    name = descriptors.lazy.compactMap(BaseBlock.name).first
  }
}

/// Why there is no EDID. Each case's description is one line that names the object, the cause and
/// the remedy.
@nonexhaustive
public enum EDIDError: Error, Hashable, Sendable {
  /// A text that is no mode.
  case invalidMode(String)
  /// A mode that the 128 bytes cannot carry: which limit it is beyond, and the mode nearest to it
  /// that they can.
  case notCarried(DisplayMode, limit: String, nearest: DisplayMode)
  /// A name that a monitor cannot have.
  case invalidName(String)
  /// A physical size that a monitor cannot have.
  case invalidSize(PhysicalSize)
  /// Bytes that are no EDID.
  case malformed(reason: String)
}

extension EDIDError: ClassifiedError {
  package var errorClass: ErrorClass { .argument }
}

extension EDIDError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .invalidMode(let text):
      "\(text): not a mode: give WIDTHxHEIGHT or WIDTHxHEIGHT@HZ, such as 1920x1080@60"
    case .notCarried(let mode, let limit, let nearest):
      "\(mode): \(limit); the nearest mode that an EDID can carry is \(nearest)"
    case .invalidName(let name):
      """
      "\(name)": not a monitor's name: give 1 to 13 printable ASCII characters without a space at \
      either end
      """
    case .invalidSize(let size):
      """
      \(size.width)x\(size.height) mm: not a monitor's size: give \
      \(PhysicalSize.carried.lowerBound) to \(PhysicalSize.carried.upperBound) mm each way
      """
    case .malformed(let reason):
      "EDID: \(reason)"
    }
  }
}
