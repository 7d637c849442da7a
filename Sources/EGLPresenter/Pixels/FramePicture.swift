// SPDX-License-Identifier: Apache-2.0

public import VGPUDisplay

extension Picture {
  /// A frame's picture, without the pointer where the guest has it on a plane of its own. The CPU
  /// copies it where it can read the pixels, which changes none of them; else a GPU draws it, by a
  /// context that is made for that and needs no display server.
  ///
  /// - Parameters:
  ///   - frame: what is copied.
  ///   - renderNode: the GPU that the frame lies in, such as `/dev/dri/renderD128`; `nil` for any.
  /// - Throws: `UnreadableFrame`.
  public init(of frame: Frame, renderNode: String?) throws(UnreadableFrame) {
    try self.init(of: frame) { (frame) throws(GraphicsError) in
      try FrameRenderer(RenderContext(.headless(renderNode: renderNode))).pixels(of: frame)
    }
  }

  /// The same by a renderer that is there already.
  ///
  /// - Parameters:
  ///   - frame: what is copied.
  ///   - draw: draws a frame into memory; `nil` where nothing can. It is called where the CPU cannot
  ///     read the pixels.
  /// - Throws: `UnreadableFrame`.
  public init(
    of frame: Frame, drawnBy draw: (Frame) throws(GraphicsError) -> PixelImage?
  ) throws(UnreadableFrame) {
    let refusal: Picture.CopyError
    do {
      self = try Picture(copying: frame.primary)
      return
    } catch {
      refusal = error
    }
    // As the CPU's copy.
    let bare = Frame(
      primary: frame.primary, cursor: nil, flip: frame.flip, detectedAt: frame.detectedAt)
    let image: PixelImage?
    do {
      image = try draw(bare)
    } catch {
      throw UnreadableFrame(copying: refusal, drawing: error)
    }
    guard let picture = image.flatMap(Picture.init) else {
      throw UnreadableFrame(copying: refusal, drawing: nil)
    }
    self = picture
  }
}

/// Why nothing can read a frame's pixels.
public struct UnreadableFrame: Error, Hashable, Sendable {
  /// Why the CPU cannot.
  public let copying: Picture.CopyError
  /// Why the GPU cannot; `nil` where none was there to ask.
  public let drawing: GraphicsError?
}

extension UnreadableFrame: CustomStringConvertible {
  /// One line: the causes.
  public var description: String {
    drawing.map { "\(copying); by the GPU: \($0)" } ?? "\(copying)"
  }
}
