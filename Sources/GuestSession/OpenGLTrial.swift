// SPDX-License-Identifier: Apache-2.0

/// Tries OpenGL on a render node as a QEMU uses it that draws for its guest. A node may be there without a
/// driver that works, and QEMU ends then, or shows no picture.
///
/// This library does not use OpenGL, so its user brings the trial. The library `HostCheckEGL` can ask a driver
/// (`OpenGLTrial.inThisProcess`). A driver that crashes takes its process along: try it in another one.
public struct OpenGLTrial: Sendable {
  /// The result of a trial. Each reason is a part of a sentence.
  @nonexhaustive
  public enum Outcome: Hashable, Sendable {
    /// A GPU draws, and its pictures can be shared.
    case works
    /// A CPU would draw, which is slower than the guest's own processors.
    case isSlow(String)
    /// QEMU could not draw, or not share its pictures.
    case fails(String)
  }

  private let body: @Sendable (_ renderNode: String) -> Outcome

  /// Makes a trial.
  ///
  /// - Parameter body: tries a render node, such as `/dev/dri/renderD128`. It may block.
  public init(_ body: @escaping @Sendable (_ renderNode: String) -> Outcome) { self.body = body }

  /// Tries a render node, such as `/dev/dri/renderD128`. It may block.
  public func callAsFunction(_ renderNode: String) -> Outcome { body(renderNode) }
}
