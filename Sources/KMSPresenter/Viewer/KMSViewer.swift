// SPDX-License-Identifier: Apache-2.0

public import GuestInput
import LinuxSystem
public import VGPUDisplay

/// The whole of a viewer without a compositor: it shows a guest on a screen until it is told to end, and
/// puts back what the screen showed before.
public enum KMSViewer {
  /// The viewer's settings.
  public struct Options {
    /// Whether pictures are copied even if the display engine takes the guest's own buffers.
    public var alwaysCopies = false
    /// The number of frames after which to end; `nil` for no end.
    public var frames: Int?
    /// The time after which to end; `nil` for no end.
    public var time: Duration?
    /// The receiver of what is typed and pointed at; `nil` for a screen that only shows. From the first picture
    /// on, the seat's keyboards, pointers and touch screens are this viewer's alone, and Ctrl+Alt+Backspace
    /// ends it. They are opened as libinput does: root may, and group input.
    public var input: (any InputSink)?
    /// Called with each new thing that a user should know, in a sentence: why there is no picture, why
    /// pictures are copied, why nobody can type.
    public var onMessage: (String) -> Void = { _ in }

    /// No end, and nothing is told.
    public init() {}
  }

  /// Shows a guest. Returns when `control` ends it, or after `options.frames` or `options.time`. The
  /// calling thread looks at the guest and sleeps in between.
  ///
  /// While the guest has no picture, the screen is black; before its first picture the screen stays as it
  /// was.
  ///
  /// - Parameters:
  ///   - source: the frame source.
  ///   - screen: the screen, which `KMSScreen.restore` has put back afterwards.
  ///   - options: the settings.
  ///   - control: ends it, from any thread.
  /// - Throws: `KMSError` when the screen can show nothing any more; it is put back all the same, as far
  ///   as that is possible.
  public static func run(
    source: sending any FrameSource, on screen: KMSScreen, options: Options = Options(),
    control: KMSViewerControl
  ) throws(KMSError) -> KMSStatistics {
    let loop: KMSLoop
    do {
      loop = try KMSLoop(source, screen, options, control)
    } catch {
      throw .failed(error)
    }
    return try loop.run()
  }
}
