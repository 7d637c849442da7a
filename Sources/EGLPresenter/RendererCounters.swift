// SPDX-License-Identifier: Apache-2.0

/// What a renderer has done since it was made.
public struct RendererCounters: Hashable, Sendable {
  /// Frames drawn.
  public var draws = 0
  /// Buffers imported (eglCreateImage). In steady state this stands still.
  public var imports = 0
  /// What they took, in nanoseconds together.
  public var importNanoseconds: UInt64 = 0
  /// Pictures and cursors copied by the CPU (glTexSubImage2D).
  public var uploads = 0
  /// Buffers that the driver refused to import.
  public var refusals = 0

  /// All zero.
  public init() {}
}
