// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// Decides when to look at a guest, and whether to show its picture. Only this type decides whether
/// a picture is new.
///
/// Pure arithmetic. A program that shows frames
/// 1. tells the director about the surface and its user (`asked`, `covered`, `isStale`, ...),
/// 2. asks for the next turn (`next`) and sleeps until then,
/// 3. takes the turn (`took`), looks, and tells what the guest shows (`saw`),
/// 4. follows the answer, and tells the result (`compared`, `handedOver`, `saysMessage`).
public struct FrameDirector: Sendable {
  /// The properties that distinguish two frames without a look at their pixels.
  public struct Sight: Hashable, Sendable {
    /// The number of the guest's flips so far.
    public var flip: UInt64
    /// The picture's buffer.
    public var buffer: UInt64
    /// The number of changes within the buffer that the source has told; `nil` when the source
    /// cannot tell, so that the pixels must be compared.
    public var revision: UInt64?
    /// The pointer's buffer, when the guest has its pointer on a plane of its own.
    public var cursor: UInt64?
    /// Where the pointer is, in pixels of the guest.
    public var x: Int
    /// Where the pointer is, in pixels of the guest.
    public var y: Int

    /// Makes a sight from its parts.
    public init(
      flip: UInt64, buffer: UInt64, revision: UInt64?, cursor: UInt64?, x: Int, y: Int
    ) {
      self.flip = flip
      self.buffer = buffer
      self.revision = revision
      self.cursor = cursor
      self.x = x
      self.y = y
    }
  }

  /// The decision about a sight.
  public enum Decision: Hashable, Sendable {
    /// Do nothing: the screen shows it already, or a later look shows it.
    case leave
    /// Compare the pixels, and tell the result by `compared`.
    ///
    /// - Parameter isWhole: whether to compare all of them. Else every 16th line is enough, another one
    ///   each time: the guest is at rest.
    case compare(isWhole: Bool)
    /// Show it.
    ///
    /// - Parameter isFlip: whether it is in another buffer than the last shown frame.
    case show(isFlip: Bool)
  }

  /// The knowledge about the monitor.
  public private(set) var schedule: FrameSchedule
  private var habit = FlipHabit()
  /// Whether a surface for frames exists.
  private var hasSurface = false
  /// Whether the surface was given a frame and has not asked for the next one.
  private var isWaiting = false
  /// Whether the surface is entirely hidden.
  private var isCovered = false
  /// Whether a message is shown because there is no picture.
  private var hasMessage = false
  /// Whether the source has signalled a change that nobody has looked at, or shown, yet.
  public private(set) var isTold = false
  /// The number of frames to show even when the guest shows nothing new.
  private var staleFrames = 1
  /// Whether the next frame is shown whatever it shows, because the surface may lack what was shown
  /// before.
  public var isSurfaceStale: Bool { staleFrames > 0 }
  private var lastLook = MonotonicInstant(nanoseconds: 0)
  /// Whether the guest was at rest when the turn was taken.
  private var wasAtRest = false
  private var lastChange = MonotonicInstant(nanoseconds: 0)
  /// The last shown sight.
  private var shown: Sight?

  /// The time between two looks at a guest without a picture, in nanoseconds.
  package static let slowPeriod = 150_000_000
  /// The time without a change after which a guest is at rest, in nanoseconds.
  package static let rest = 1_000_000_000
  /// The time after which a change of a guest at rest is shown at the latest, in nanoseconds.
  package static let restDelay = 100_000_000
  /// The time between two frames for a surface that asks for none, in nanoseconds. Such a surface
  /// may be hidden, and the guest's end should not go unnoticed. Or the compositor had not shown
  /// the surface yet when it got the first frame.
  package static let hiddenPeriod = 1_000_000_000

  /// - Parameter fallbackInterval: the time between looks while the monitor's timing is unknown.
  public init(fallbackInterval: Duration) {
    schedule = FrameSchedule(fallbackInterval: fallbackInterval)
  }

  // MARK: What the surface and its user say

  /// Tells that a surface for frames exists.
  public mutating func gainedSurface() { hasSurface = true }

  /// Tells that the surface has gone. The director forgets the monitor's timing.
  public mutating func lostSurface() {
    guard hasSurface else { return }
    hasSurface = false
    isWaiting = false
    isCovered = false
    hasMessage = false
    isStale()
    schedule = FrameSchedule(fallbackInterval: schedule.fallbackInterval)
  }

  /// The time between looks while the monitor's timing is unknown.
  public var fallbackInterval: Duration {
    get { schedule.fallbackInterval }
    set { schedule.fallbackInterval = newValue }
  }

  /// Tells that the surface asks for the next frame.
  public mutating func asked(now: MonotonicInstant) {
    isWaiting = false
    schedule.asked(now: now)
  }

  /// Tells whether the surface is entirely hidden.
  public mutating func covered(_ isCovered: Bool) {
    if !isCovered { isStale() }
    self.isCovered = isCovered
  }

  /// Tells that the shown frame is out of date: the surface's size, the scaling or the overlay has
  /// changed.
  ///
  /// - Parameter frames: the number of frames to show because of the change.
  public mutating func isStale(frames: Int = 1) { staleFrames = max(frames, staleFrames) }

  /// Tells that a frame was shown at a refresh.
  public mutating func presented(
    _ number: UInt64, _ feedback: PresentationFeedback, now: MonotonicInstant
  ) -> FrameSchedule.Verdict {
    schedule.presented(number, feedback, now: now)
  }

  /// Tells that a frame was not shown, and never will be.
  public mutating func discarded(_ number: UInt64) { schedule.discarded(number) }

  /// Tells that the source has signalled a change.
  public mutating func told() { isTold = true }

  // MARK: When to look

  /// The next turn; `nil` when no turn comes until the director is told something.
  ///
  /// - Parameters:
  ///   - now: the time.
  ///   - lastInput: the time of the guest's last input.
  ///   - tells: whether the source signals changes, so that no look is needed before a signal.
  public func next(
    now: MonotonicInstant, lastInput: MonotonicInstant, tells: Bool
  ) -> FrameSchedule.Turn? {
    guard hasSurface else { return nil }
    if tells, !isTold, staleFrames == 0 || hasMessage { return nil }
    if hasMessage { return turn(after: tells ? 0 : Self.slowPeriod) }
    if let check = schedule.check(now: now) { return check }
    if isWaiting || isCovered { return turn(after: Self.hiddenPeriod) }
    return schedule.next(now: now, skipping: isAtRest(lastInput) ? restingRefreshes - 1 : 0)
  }

  /// Whether the time of a planned turn has come. Even a very late turn is taken, so that a busy
  /// machine gets late frames instead of none.
  public func isDue(
    _ turn: FrameSchedule.Turn, now: MonotonicInstant, lastInput: MonotonicInstant, tells: Bool
  ) -> Bool {
    guard turn.wake <= now, hasSurface else { return false }
    let isSlow = hasMessage || isWaiting || isCovered
    return !isSlow
      || next(now: now, lastInput: lastInput, tells: tells).map { $0.wake <= now } ?? false
  }

  /// The number of refreshes from a look at a guest at rest to the next look. A change just after a
  /// look is seen at the next one, and shown at most one refresh later.
  private var restingRefreshes: Int {
    // 60 Hz are 59.94 Hz as often as not.
    max(2, (Self.restDelay + schedule.interval / 4) / schedule.interval - 1)
  }

  /// Whether the guest has shown nothing new for a while, and got no input that it would react to.
  private func isAtRest(_ lastInput: MonotonicInstant) -> Bool {
    staleFrames == 0 && lastLook.nanoseconds(since: max(lastChange, lastInput)) > Self.rest
  }

  private func turn(after period: Int) -> FrameSchedule.Turn {
    FrameSchedule.Turn(wake: lastLook.advanced(nanoseconds: period), aim: nil)
  }

  // MARK: What was seen, and what came of it

  /// Tells that a turn is taken now.
  ///
  /// - Parameters:
  ///   - turn: the turn.
  ///   - now: the time.
  ///   - lastInput: the time of the guest's last input.
  public mutating func took(
    _ turn: FrameSchedule.Turn, now: MonotonicInstant, lastInput: MonotonicInstant
  ) {
    wasAtRest = isAtRest(lastInput)
    // A surface that has not asked gets a frame, new or not.
    if isWaiting || isCovered, turn.look != .check { isStale() }
    isTold = false
    lastLook = now
    schedule.took(turn, now: now)
  }

  /// Tells the guest's present sight.
  public mutating func saw(_ sight: Sight, in turn: FrameSchedule.Turn) -> Decision {
    let isFlip = sight.flip != shown?.flip
    schedule.saw(
      turn, flip: isFlip, pointerMoved: sight.x != shown?.x || sight.y != shown?.y)
    guard turn.look == .last || turn.look == .first && isFlip else {
      // A later look shows the change that this look saw and did not show.
      if sight != shown { isTold = true }
      return .leave
    }
    if isFlip { habit.flipped(at: lastLook) }
    if sight != shown { lastChange = lastLook }
    if staleFrames > 0 || sight != shown { return .show(isFlip: isFlip) }
    // No pixels are compared between two flips of a steady guest, or when the source tells changes.
    guard sight.revision == nil, !habit.isDue(now: lastLook) else { return .leave }
    return .compare(isWhole: !wasAtRest)
  }

  /// Tells the result of a comparison.
  public mutating func compared(hasChanged: Bool) -> Decision {
    guard hasChanged else { return .leave }
    lastChange = lastLook
    return .show(isFlip: false)
  }

  /// Tells that a sight was handed to the display server.
  ///
  /// - Parameters:
  ///   - number: the frame's number in its feedback.
  ///   - sight: the sight.
  ///   - asksForFrames: whether the surface will ask for the next frame.
  ///   - now: when.
  public mutating func handedOver(
    _ number: UInt64, _ sight: Sight, asksForFrames: Bool, at now: MonotonicInstant
  ) {
    schedule.handedOver(number, at: now)
    isWaiting = asksForFrames
    staleFrames = max(0, staleFrames - 1)
    shown = sight
    hasMessage = false
  }

  /// Tells that the surface is hidden and a message shown, because there is no picture.
  public mutating func saysMessage() {
    isStale()
    hasMessage = true
  }
}

/// A guest's habit of flipping. It distinguishes a guest between two flips from a guest that draws
/// into the shown buffer: between two flips of a steady guest, no pixels need a comparison.
package struct FlipHabit: Sendable {
  private var last: MonotonicInstant?
  private var usual: Int?
  private var count = 0

  /// The number of flips in a row that make a habit.
  private static let steady = 8
  /// The longest time between flips of a steady guest, in nanoseconds. With a longer one, a change
  /// would wait too long.
  private static let longest = 50_000_000

  /// Nothing is known yet.
  package init() {}

  /// Records a flip.
  package mutating func flipped(at now: MonotonicInstant) {
    defer { last = now }
    guard let last else { return }
    let length = now.nanoseconds(since: last)
    guard (0...Self.longest).contains(length) else {
      usual = nil
      count = 0
      return
    }
    usual = usual.map { $0 + (length - $0) / 4 } ?? length
    count = min(count + 1, Self.steady)
  }

  /// Whether the guest flips steadily and its next flip is not overdue by more than half.
  package func isDue(now: MonotonicInstant) -> Bool {
    guard count == Self.steady, let usual, let last else { return false }
    return now.nanoseconds(since: last) <= usual + usual / 2
  }
}
