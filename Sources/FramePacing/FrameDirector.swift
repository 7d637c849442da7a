// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// Decides when a guest is looked at, and whether its picture is shown: the one place that decides
/// whether a picture is new.
///
/// Pure arithmetic. A program that shows frames
/// 1. tells the director about the surface and its user (`asked`, `covered`, `isStale`, ...),
/// 2. asks for the next turn (`next`) and sleeps until then,
/// 3. takes the turn (`took`), looks, and tells what the guest shows (`saw`),
/// 4. follows the answer, and tells the result (`compared`, `handedOver`, `saysMessage`).
public struct FrameDirector: Sendable {
  /// What tells a frame from another one without a look at its pixels.
  public struct Sight: Hashable, Sendable {
    /// How often the guest had shown another buffer than before.
    public var flip: UInt64
    /// The picture's buffer.
    public var buffer: UInt64
    /// How often the source has told of a change within the buffer; `nil` when the source cannot
    /// tell, so that the pixels have to be compared.
    public var revision: UInt64?
    /// The pointer's buffer, when the guest has its pointer on a plane of its own.
    public var cursor: UInt64?
    /// Where the pointer is, in pixels of the guest.
    public var x: Int
    /// Where the pointer is, in pixels of the guest.
    public var y: Int

    /// Makes a sight of its parts.
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

  /// What is to be done with what was seen.
  public enum Decision: Hashable, Sendable {
    /// Nothing: it is shown already, or a later look shows it.
    case leave
    /// Nobody knows: the pixels decide, and `compared` tells what they said.
    case compare
    /// It is to be shown.
    ///
    /// - Parameter isFlip: whether it is in another buffer than the one that was shown last.
    case show(isFlip: Bool)
  }

  /// What is learned of the monitor.
  public private(set) var schedule: FrameSchedule
  private var habit = FlipHabit()
  /// There is something to show frames on.
  private var hasSurface = false
  /// The surface was given a frame and has not asked for the next.
  private var isWaiting = false
  /// Nothing of the surface can be seen.
  private var isCovered = false
  /// There is no picture, and a message is shown.
  private var hasMessage = false
  /// A source that tells has something new that was not looked at, or not shown yet.
  public private(set) var isTold = false
  /// So many frames are to be shown though the guest shows nothing new.
  private var staleFrames = 1
  private var lastLook = MonotonicInstant(nanoseconds: 0)
  private var lastChange = MonotonicInstant(nanoseconds: 0)
  /// What was shown last.
  private var shown: Sight?

  /// How often a guest without a picture is looked at, in nanoseconds.
  public static let slowPeriod = 150_000_000
  /// A guest that has shown nothing new for so long is at rest, in nanoseconds.
  public static let rest = 1_000_000_000
  /// A surface that asks for nothing is given a frame that often all the same, in nanoseconds: it may
  /// be hidden, and the guest's end should not go unnoticed; or the compositor had not shown it yet
  /// when it got the first frame.
  public static let hiddenPeriod = 1_000_000_000

  /// - Parameter fallbackInterval: nanoseconds between looks while nothing is known of the monitor.
  public init(fallbackInterval: Int) {
    schedule = FrameSchedule(fallbackInterval: fallbackInterval)
  }

  // MARK: What the surface and its user say

  /// There is a surface to show frames on.
  public mutating func gainedSurface() { hasSurface = true }

  /// The surface has gone. The monitor's timing is forgotten with it.
  public mutating func lostSurface() {
    guard hasSurface else { return }
    hasSurface = false
    isWaiting = false
    isCovered = false
    hasMessage = false
    isStale()
    schedule = FrameSchedule(fallbackInterval: schedule.fallbackInterval)
  }

  /// Nanoseconds between looks while nothing is known of the monitor.
  public var fallbackInterval: Int {
    get { schedule.fallbackInterval }
    set { schedule.fallbackInterval = newValue }
  }

  /// The surface asks for the next frame.
  public mutating func asked(now: MonotonicInstant) {
    isWaiting = false
    schedule.asked(now: now)
  }

  /// Nothing of the surface can be seen, or something again.
  public mutating func covered(_ isCovered: Bool) {
    if !isCovered { isStale() }
    self.isCovered = isCovered
  }

  /// The picture could be shown better now: the surface's size, the scaling or the overlay has changed.
  ///
  /// - Parameter frames: so many frames are shown for it.
  public mutating func isStale(frames: Int = 1) { staleFrames = max(frames, staleFrames) }

  /// A frame was shown at a refresh.
  public mutating func presented(
    _ number: UInt64, _ feedback: PresentationFeedback, now: MonotonicInstant
  ) -> FrameSchedule.Verdict {
    schedule.presented(number, feedback, now: now)
  }

  /// A frame was not shown, and never will be.
  public mutating func discarded(_ number: UInt64) { schedule.discarded(number) }

  /// A source that tells has something new.
  public mutating func told() { isTold = true }

  // MARK: When to look

  /// The next turn; `nil` when there is none until something is told.
  ///
  /// - Parameters:
  ///   - now: the time.
  ///   - lastInput: when the guest was last told of input.
  ///   - tells: the source tells when it has something new, so that no look is needed before.
  public func next(
    now: MonotonicInstant, lastInput: MonotonicInstant, tells: Bool
  ) -> FrameSchedule.Turn? {
    guard hasSurface else { return nil }
    if tells, !isTold, staleFrames == 0 || hasMessage { return nil }
    if hasMessage { return turn(after: tells ? 0 : Self.slowPeriod) }
    if let check = schedule.check(now: now) { return check }
    if isWaiting || isCovered { return turn(after: Self.hiddenPeriod) }
    return schedule.next(now: now, skipping: isAtRest(lastInput) ? 1 : 0)
  }

  /// Whether a turn that was planned has come, and may still be taken. However late it is, it is
  /// taken: a busy machine gets later frames, not none.
  public func isDue(
    _ turn: FrameSchedule.Turn, now: MonotonicInstant, lastInput: MonotonicInstant, tells: Bool
  ) -> Bool {
    guard turn.wake <= now, hasSurface else { return false }
    let isSlow = hasMessage || isWaiting || isCovered
    return !isSlow
      || next(now: now, lastInput: lastInput, tells: tells).map { $0.wake <= now } ?? false
  }

  /// The guest has shown nothing new for a while, and was told nothing that it would show something
  /// for. Then it is looked at for every other refresh: what it shows is a refresh late at most.
  private func isAtRest(_ lastInput: MonotonicInstant) -> Bool {
    staleFrames == 0 && lastLook.nanoseconds(since: max(lastChange, lastInput)) > Self.rest
  }

  private func turn(after period: Int) -> FrameSchedule.Turn {
    FrameSchedule.Turn(wake: lastLook.advanced(nanoseconds: period), aim: nil)
  }

  // MARK: What was seen, and what came of it

  /// A turn is taken now.
  public mutating func took(_ turn: FrameSchedule.Turn, now: MonotonicInstant) {
    // A surface that has not asked gets its frame drawn, new or not.
    if isWaiting || isCovered, turn.look != .check { isStale() }
    isTold = false
    lastLook = now
    schedule.took(turn, now: now)
  }

  /// What the guest shows.
  public mutating func saw(_ sight: Sight, in turn: FrameSchedule.Turn) -> Decision {
    let isFlip = sight.flip != shown?.flip
    schedule.saw(
      turn, flip: isFlip, pointerMoved: sight.x != shown?.x || sight.y != shown?.y)
    guard turn.look == .last || turn.look == .first && isFlip else {
      // What this look saw and did not show is shown by a later one.
      if sight != shown { isTold = true }
      return .leave
    }
    if isFlip { habit.flipped(at: lastLook) }
    if sight != shown { lastChange = lastLook }
    if staleFrames > 0 || sight != shown { return .show(isFlip: isFlip) }
    // Nothing is compared between two flips of a steady guest, nor when the source tells.
    guard sight.revision == nil, !habit.isDue(now: lastLook) else { return .leave }
    return .compare
  }

  /// What the pixels said.
  public mutating func compared(hasChanged: Bool) -> Decision {
    guard hasChanged else { return .leave }
    lastChange = lastLook
    return .show(isFlip: false)
  }

  /// What was seen was handed to the display server.
  ///
  /// - Parameters:
  ///   - number: what its feedback will call it.
  ///   - sight: what it was.
  ///   - asksForFrames: the surface will ask for the next.
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

  /// There is no picture, and the surface is hidden for a message.
  public mutating func saysMessage() {
    isStale()
    hasMessage = true
  }
}

/// How a guest flips. A guest that is between two flips is told from one that draws into the buffer
/// that it shows: between two flips, the picture need not be compared with itself.
package struct FlipHabit: Sendable {
  private var last: MonotonicInstant?
  private var usual: Int?
  private var count = 0

  /// Flips in a row that make a habit.
  private static let steady = 8
  /// Nanoseconds between flips beyond which nobody calls it steady: a change would wait too long.
  private static let longest = 50_000_000

  /// Nothing is known yet.
  package init() {}

  /// The guest was seen to show another buffer.
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
