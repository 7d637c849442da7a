// SPDX-License-Identifier: Apache-2.0

/// How long before a refresh a frame has to be handed over to be in it, which no display server
/// tells: learned from frames that were in the refresh that they aimed at, and from those that were
/// not.
///
/// It begins with a whole refresh and nears it by a quarter of what is left while every frame is in
/// time, so that it is there within a second: a guest that flips once a refresh loses a frame
/// whenever the moment of looking passes that of its flip. It backs off at once when a frame is
/// late; after that it creeps, a great deal slower, so that trying costs few frames.
public struct DeadlineMargin: Sendable {
  /// Nanoseconds before the refresh.
  public private(set) var nanoseconds: Int
  private let interval: Int
  private var inTime = 0
  private var stride = firstStride

  /// Frames in time before it creeps on, at first, after the first late one, and at most.
  private static let firstStride = 4
  private static let cautiousStride = 512
  private static let longestStride = 4096
  /// It never comes nearer, in nanoseconds: a thread's wake-up is not more punctual.
  private static let least = 500_000

  /// For a monitor with so many nanoseconds between its refreshes.
  public init(interval: Int) {
    self.interval = interval
    nanoseconds = interval
  }

  /// A thirty-second of a refresh: half a millisecond at 60 Hz.
  private var step: Int { interval / 32 }

  /// It is near the deadline, for what is known.
  public var isSettled: Bool { stride != Self.firstStride || nanoseconds == floor }

  private var floor: Int { max(Self.least, step) }

  /// A frame that was handed over this early, or later, was in time.
  public mutating func madeIt() {
    inTime += 1
    guard inTime >= stride else { return }
    inTime = 0
    let stepDown = stride == Self.firstStride ? max(step, nanoseconds / 4) : step
    nanoseconds = max(nanoseconds - stepDown, floor)
  }

  /// A frame that was handed over this early was not in the refresh that it aimed at.
  public mutating func missed() {
    inTime = 0
    // Half as long again as a refresh: where even that is late, the server decides when it draws,
    // and whoever hands over as soon as he may is never later than he must.
    nanoseconds = min(nanoseconds + 4 * step, interval + interval / 2)
    stride = min(max(stride * 4, Self.cautiousStride), Self.longestStride)
  }
}
