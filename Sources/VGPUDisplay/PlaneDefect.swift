// SPDX-License-Identifier: Apache-2.0

public import DMABuf

/// What is wrong with a plane as a driver or a guest describes it.
public enum PlaneDefect: Error, Hashable, Sendable {
  /// No driver that we know reports this format.
  case unknownFormat(FourCC)
  /// A picture that is larger than any display engine's.
  case absurdSize(width: UInt32, height: UInt32)
  /// A line's pixels do not fit between it and the next line.
  case shortStride(stride: UInt32, needed: Int)
  /// The pixels do not fit into the buffer that the driver handed out, in bytes.
  case shortBuffer(size: Int, needed: Int)
}

extension PlaneDefect: CustomStringConvertible {
  /// One line that says what does not fit.
  public var description: String {
    switch self {
    case .unknownFormat(let format):
      "the pixel format \(format) is not known"
    case .absurdSize(let width, let height):
      "a picture of \(width)x\(height) pixels, where \(PlaneInfo.largestSide) is the most"
    case .shortStride(let stride, let needed):
      "lines of \(needed) bytes that follow each other every \(stride) bytes"
    case .shortBuffer(let size, let needed):
      "\(needed) bytes of pixels in a buffer of \(size) bytes"
    }
  }
}
