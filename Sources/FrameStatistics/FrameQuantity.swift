// SPDX-License-Identifier: Apache-2.0

// The one list of what is measured of frames. The recorder's samples, the report, its JSON, the table,
// the overlay and the plot go by it: a new quantity is a case here, and a line where the recorder
// notes it.

/// What is counted of frames.
@nonexhaustive
public enum FrameCount: Int, CaseIterable, Sendable {
  /// Frames presented.
  case presented
  /// Those of them that were the first to show a frame of the guest's.
  case updates
  /// Frames that were left out as warm-up.
  case warmUp
  /// Refreshes that showed an old frame although a newer one had been detected.
  case missed
  /// Frames of the guest's that were detected, and not drawn because a newer one came.
  case superseded
  /// Frames that were handed over and never shown.
  case discarded
  /// Intervals of more than a second, in which the guest drew nothing. They are in no distribution.
  case pauses

  /// The key in JSON.
  public var key: String {
    switch self {
    case .presented: "framesPresented"
    case .updates: "updates"
    case .warmUp: "warmUpFrames"
    case .missed: "missed"
    case .superseded: "superseded"
    case .discarded: "discarded"
    case .pauses: "pauses"
    }
  }

  /// The counts of what did not go as it should.
  public static let troubles: [FrameCount] = [.missed, .superseded, .discarded, .pauses]
}

/// The steps of a frame's way whose durations are measured, in the order of that way.
@nonexhaustive
public enum FrameStep: Int, CaseIterable, Sendable {
  /// One look at the guest: all planes.
  case query
  /// The import of a buffer, those of the warm-up too.
  case importing
  /// Drawing a frame, by the CPU.
  case draw
  /// From the moment that a guest's new buffer was seen until it was handed to the display server.
  case detectToCommit
  /// The same until its first presentation.
  case detectToPresent
  /// From one presentation to the next.
  case interval
  /// How much an interval differs from the one before it.
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

  /// The name for people.
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
