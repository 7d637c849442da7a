// SPDX-License-Identifier: Apache-2.0

/// The clock that a display server stamps its frames with.
public enum TimestampClock: Hashable, Sendable {
  /// CLOCK_MONOTONIC, which is also what frames are detected and committed by.
  case monotonic
  /// Another clock of clock_gettime(2), by its number, as wp_presentation.clock_id tells it. Its
  /// times are compared with each other only.
  case id(UInt32)
}

extension TimestampClock: CustomStringConvertible {
  /// `CLOCK_MONOTONIC`, or `clock 4`.
  public var description: String {
    switch self {
    case .monotonic: "CLOCK_MONOTONIC"
    case .id(let number): "clock \(number)"
    }
  }
}

/// Who tells when a frame was presented, and so what that means.
public enum FeedbackSource: String, Hashable, Sendable, Codable {
  /// Wayland's wp_presentation_feedback.presented: when it turned into light, as the compositor
  /// knows it.
  case presentation = "wp_presentation"
  /// X11's PresentCompleteNotify: the vertical blank at which it was flipped or copied.
  case present = "Present"
  /// The return of eglSwapBuffers: it was handed over. When it is seen is not known.
  case swap = "swap"
  /// The toolkit's frame clock: it was painted into the window. When it is seen is not known.
  case frameClock = "frame clock"
  /// Nobody yet.
  case none = "none"
}
