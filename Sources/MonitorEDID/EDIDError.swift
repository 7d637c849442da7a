// SPDX-License-Identifier: Apache-2.0

/// Why there is no EDID. Each case's description is one line that names the object, the cause and
/// the remedy.
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
