// SPDX-License-Identifier: Apache-2.0

public import VGPUDisplay

/// A defect in what QEMU's display sends.
@nonexhaustive
public enum DisplayDefect: Error, Hashable, Sendable {
  /// A message's arguments are of other types.
  case signature(String, String)
  /// A message of an unknown name.
  case unknownCall(String)
  /// A message names a descriptor that did not come with it.
  case noDescriptor(String)
  /// A picture, or a pointer, larger than any screen's.
  case absurdSize(width: Int, height: Int)
  /// Lines that are shorter than their pixels.
  case shortStride(stride: Int, needed: Int)
  /// Fewer bytes than the picture has.
  case fewBytes(count: Int, needed: Int)
  /// An unknown pixel format, as a number of pixman's.
  case unknownFormat(UInt32)
  /// A part of a picture that lies outside of it.
  case outside(PixelRectangle)
  /// Memory planes that belong to no one buffer.
  case planes
  /// A plane that makes no sense.
  case plane(PlaneDefect)
  /// Sound of a form that no device has, or whose numbers do not fit together.
  case soundFormat(bits: Int, frequency: Int, channels: Int)
  /// A descriptor that is no buffer; the text says why.
  case noBuffer(String)
}

extension DisplayDefect: CustomStringConvertible {
  /// A part of a sentence: what is wrong.
  public var description: String {
    switch self {
    case .signature(let call, let signature): "\(call) with the arguments \(signature)"
    case .unknownCall(let call): "the unknown call \(call)"
    case .noDescriptor(let call): "\(call) without its descriptor"
    case .absurdSize(let width, let height): "a picture of \(width)x\(height) pixels"
    case .shortStride(let stride, let needed):
      "lines of \(needed) bytes that follow each other every \(stride) bytes"
    case .fewBytes(let count, let needed): "\(count) bytes for a picture of \(needed)"
    case .unknownFormat(let format):
      "the unknown pixel format 0x\(String(format, radix: 16))"
    case .outside(let part):
      "a part outside of the picture: \(part.width)x\(part.height) at \(part.x), \(part.y)"
    case .planes: "planes that belong to no one buffer"
    case .plane(let defect): "\(defect)"
    case .soundFormat(let bits, let frequency, let channels):
      "sound of \(channels) channels of \(bits) bits at \(frequency) Hz"
    case .noBuffer(let reason): "a descriptor that is no buffer: \(reason)"
    }
  }
}
