// SPDX-License-Identifier: Apache-2.0

// The only list of the measured quantities of frames. The recorder's samples, the report, its JSON,
// the table, the overlay and the plot follow it. A new quantity is a case here, and a line in the
// recorder that notes it.

/// The counted quantities of frames.
@nonexhaustive
public enum FrameCount: Int, CaseIterable, Sendable {
  /// Frames presented.
  case presented
  /// Presented frames that were the first to show a frame of the guest.
  case updates
  /// Frames that were left out as warm-up.
  case warmUp
  /// Refreshes that showed an old frame although a newer one had been detected.
  case missed
  /// Frames of the guest that were detected, but not drawn because a newer one came.
  case superseded
  /// Frames that were handed over and never shown.
  case discarded
  /// Intervals of more than a second, in which the guest drew nothing. No distribution includes
  /// them.
  case pauses

  /// The key in JSON.
  public var key: String {
    switch self {
    case .presented: "framesPresented"
    case .updates: "newFrames"
    case .warmUp: "warmUpFrames"
    case .missed: "missed"
    case .superseded: "superseded"
    case .discarded: "framesDiscarded"
    case .pauses: "pauses"
    }
  }

  /// The name for people to read.
  public var name: String {
    switch self {
    case .presented: "presented"
    case .updates: "new"
    case .warmUp: "left out"
    case .missed: "missed"
    case .superseded: "superseded"
    case .discarded: "discarded"
    case .pauses: "pauses"
    }
  }

  /// The counts of irregularities.
  public static let troubles: [FrameCount] = [.missed, .superseded, .discarded, .pauses]
}

/// The measured steps of a frame's way, in their order.
@nonexhaustive
public enum FrameStep: Int, CaseIterable, Sendable {
  /// One look at the guest: all planes.
  case query
  /// The import of a buffer, during the warm-up too.
  case importing
  /// Drawing a frame, by the CPU.
  case draw
  /// From the detection of a guest's new buffer to its hand-over to the display server.
  case detectToCommit
  /// From the detection of a guest's new buffer to its first presentation.
  case detectToPresent
  /// From one presentation to the next.
  case interval
  /// The difference between an interval and the previous one.
  case jitter

  /// The key in JSON.
  public var key: String {
    switch self {
    case .query: "queryMicroseconds"
    case .importing: "importMicroseconds"
    case .draw: "drawMicroseconds"
    case .detectToCommit: "detectToCommitMicroseconds"
    case .detectToPresent: "detectToPresentMicroseconds"
    case .interval: "intervalMicroseconds"
    case .jitter: "jitterMicroseconds"
    }
  }

  /// The name for people to read.
  public var name: String {
    switch self {
    case .query: "query"
    case .importing: "import"
    case .draw: "draw"
    case .detectToCommit: "detect -> commit"
    case .detectToPresent: "detect -> present"
    case .interval: "present interval"
    case .jitter: "interval jitter"
    }
  }
}
