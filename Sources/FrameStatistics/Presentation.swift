// SPDX-License-Identifier: Apache-2.0

/// One frame that was presented, for a time line.
public struct Presentation: Hashable, Sendable {
  /// The time, in nanoseconds of the presentation clock.
  public var time: UInt64
  /// Nanoseconds since the previous presentation; 0 for the first, and for the first after a pause.
  public var interval: UInt64
  /// Nanoseconds since its guest frame was detected; 0 when it showed no new frame, or the clocks
  /// cannot be compared.
  public var latency: UInt64
  /// Whether it was the first to show a frame of the guest.
  public var isNew: Bool
  /// The number of earlier refreshes at which the frame existed and was not shown.
  public var missed: UInt32
}

/// The last presentations, up to a fixed number. Appending allocates nothing.
struct PresentationRing: Sendable {
  private var entries: [Presentation]
  private var next = 0
  private(set) var count = 0

  init(capacity: Int) {
    entries = Array(
      repeating: Presentation(time: 0, interval: 0, latency: 0, isNew: false, missed: 0),
      count: max(1, capacity))
  }

  mutating func append(_ entry: Presentation) {
    entries[next] = entry
    next = next + 1 == entries.count ? 0 : next + 1
    count = min(count + 1, entries.count)
  }

  mutating func append(_ other: borrowing PresentationRing) {
    for index in 0..<other.count { append(other[index]) }
  }

  mutating func clear() {
    next = 0
    count = 0
  }

  /// The presentation at an index; 0 is the oldest.
  private subscript(_ index: Int) -> Presentation {
    let place = next - count + index
    return entries[place < 0 ? place + entries.count : place]
  }

  /// The oldest first.
  var all: [Presentation] { (0..<count).map { self[$0] } }
}

/// The clock of a display server's timestamps.
@nonexhaustive
public enum TimestampClock: Hashable, Sendable {
  /// CLOCK_MONOTONIC, which also times the detection and the commit of frames.
  case monotonic
  /// Another clock of clock_gettime(2), by its number from wp_presentation.clock_id. Its times are
  /// compared only with each other.
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

/// The origin of presentation times, and so their meaning. The raw values are the words of the
/// statistics file.
@nonexhaustive
public enum FeedbackSource: String, Hashable, Sendable, Codable {
  /// Wayland's wp_presentation_feedback.presented: when the frame became visible, as far as the
  /// compositor knows.
  case presentation = "presentation-time"
  /// X11's Present extension, PresentCompleteNotify: the vertical blank after the frame was handed over.
  case present = "present"
  /// The kernel's event of a page flip (DRM_EVENT_FLIP_COMPLETE): the vertical blank from which on the frame
  /// is shown.
  case pageFlip = "page-flip"
  /// Wayland's wl_surface.frame alone, which tells that the compositor has taken a frame. The time
  /// of a presentation is the time of the hand-over; the time at which the frame becomes visible is
  /// unknown.
  case frameCallback = "frame-callback"
  /// None: frames are shown at the monitor's nominal rate. The time of a presentation is the time
  /// of the hand-over, or of the painting into the window.
  case timer = "timer"
  /// Nothing was presented yet.
  case none = "none"
}
