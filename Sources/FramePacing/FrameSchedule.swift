// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// Plans the looks at a guest, so that its picture is handed over just before the display server
/// needs it. An earlier look would show an older picture; a later one would come a refresh late.
///
/// Pure arithmetic. A program that shows frames asks for the next turn, sleeps until then, looks, and
/// tells the schedule the result.
public struct FrameSchedule: Sendable {
  /// One of the looks before a refresh.
  public enum Look: Hashable, Sendable {
    /// Just after a steady guest's flip. Only a flip is shown then, because everything else may
    /// change until the last look. The last look follows when the first saw no flip.
    case first
    /// At the latest moment.
    case last
    /// After a first look that saw a flip: finds out whether the guest flips again. Nothing is
    /// shown.
    case check
  }

  /// A planned look: its time and its refresh.
  public struct Turn: Hashable, Sendable {
    /// The time to look at the guest.
    public var wake: MonotonicInstant
    /// The refresh that the look aims at; `nil` while no refresh can be foreseen.
    public var aim: MonotonicInstant?
    /// The kind of look.
    public var look: Look

    /// Makes a turn from its parts.
    public init(wake: MonotonicInstant, aim: MonotonicInstant?, look: Look = .last) {
      self.wake = wake
      self.aim = aim
      self.look = look
    }
  }

  /// A frame's result.
  public enum Verdict: Hashable, Sendable {
    /// It was shown at the refresh that it aimed at, or at an earlier one.
    case inTime
    /// It was shown at a later refresh.
    case late
    /// It aimed at no refresh.
    case unknown
  }

  /// The monitor's refreshes.
  public private(set) var clock = PresentationClock()
  /// The time between looks while the monitor's refreshes are unknown.
  public var fallbackInterval: Duration {
    get { .nanoseconds(fallback) }
    set { fallback = newValue.wholeNanoseconds }
  }
  /// The same in nanoseconds.
  private var fallback: Int

  private var deadline: HandoverDeadline
  private var looks = RefreshLooks()
  private var current: TakenTurn?
  /// Whether the server has asked for a frame since the last turn.
  private var isAsked = false
  private var last = LastHandover()
  private var awaited = AimedFrames()

  /// Nanoseconds without feedback after which the foreseen refreshes have drifted away from the
  /// true ones. A late frame then proves nothing about the margin.
  private static let memory = 2_000_000_000

  /// - Parameter fallbackInterval: the time between looks while the refreshes are unknown.
  public init(fallbackInterval: Duration) {
    fallback = fallbackInterval.wholeNanoseconds
    deadline = HandoverDeadline(interval: fallback)
  }

  /// The interval in use, in nanoseconds.
  package var interval: Int { clock.interval ?? fallback }
  /// The time before a refresh at which a frame must be handed over, in nanoseconds.
  package var margin: DeadlineMargin { deadline.margin }
  /// The time that a frame takes, in nanoseconds.
  package var work: WorkEstimate { deadline.work }
  /// The time set aside for a delay of a frame, in nanoseconds.
  package var lateness: Lateness { deadline.lateness }
  /// The moment of the guest's flips.
  package var phase: FlipPhase { looks.phase }

  // MARK: The next turn

  /// The next turn after the last one.
  ///
  /// - Parameters:
  ///   - now: the time.
  ///   - skipped: the number of refreshes without a turn between the last turn's refresh and the
  ///     next.
  public func next(now: MonotonicInstant, skipping skipped: Int = 0) -> Turn {
    guard let interval = clock.interval else { return turnWithoutClock(now, skipped) }
    if let aim = looks.awaited, aim > now {
      return Turn(wake: max(now, aim.advanced(nanoseconds: -deadline.lead)), aim: aim)
    }
    // The clock may have been corrected by less than half a refresh.
    let lastAim = [current?.turn.aim, last.refresh].lazy.compactMap { $0 }.max()
    let earliest = lastAim?.advanced(nanoseconds: interval / 2 + skipped * interval) ?? now
    let aim = clock.nextRefresh(after: max(now, earliest))
    let lastLook = max(now, (aim ?? now).advanced(nanoseconds: -deadline.lead))
    let turn = Turn(wake: lastLook, aim: aim)
    // The margin is learned from last looks only.
    guard skipped == 0, deadline.margin.isSettled, let aim,
      let lead = looks.phase.lead(interval: interval)
    else { return turn }
    // Until the last refresh has passed, a new frame might replace the one that waits for it.
    let passed = lastAim?.advanced(nanoseconds: interval / 16) ?? now
    let firstLook = max(now, passed, aim.advanced(nanoseconds: -lead))
    // A first look so soon before the last one is not worth its cost.
    guard lastLook.nanoseconds(since: firstLook) > interval / 16 else { return turn }
    return Turn(wake: firstLook, aim: aim, look: .first)
  }

  /// Without a clock, the server's own requests are the best guide.
  private func turnWithoutClock(_ now: MonotonicInstant, _ skipped: Int) -> Turn {
    let wake =
      isAsked
      ? now : current?.turn.wake.advanced(nanoseconds: (1 + skipped) * fallback) ?? now
    return Turn(wake: max(wake, now), aim: nil)
  }

  /// The check after a frame was handed over, if one is planned. It waits for no request of the
  /// server, because it shows nothing.
  public func check(now: MonotonicInstant) -> Turn? { looks.check(now: now, interval: interval) }

  // MARK: What happens

  /// Tells that the server has taken the last frame, and asks for the next one
  /// (`wl_surface.frame`).
  public mutating func asked(now: MonotonicInstant) {
    isAsked = true
    // A server that asks after it has told the refresh of a frame only asks late; it takes the next
    // frame in time.
    guard let aim = current?.turn.aim, !last.isTold else { return }
    // A frame that the server takes after its refresh can only be shown at a later one, and so can
    // the next frame.
    last.refresh = now > aim ? clock.nextRefresh(after: now) : aim
  }

  /// Tells that the turn was taken; `saw` and `handedOver` tell the result.
  public mutating func took(_ turn: Turn, now: MonotonicInstant) {
    looks.begin()
    current = TakenTurn(
      turn: Turn(wake: now, aim: turn.aim, look: turn.look),
      handover: turn.aim.map { _ in deadline.handover(after: turn.wake) })
    isAsked = false
  }

  /// Tells the guest's changes since its last frame was shown.
  ///
  /// - Parameters:
  ///   - turn: the turn that was taken.
  ///   - flip: whether the guest shows another frame.
  ///   - pointerMoved: whether its pointer plane has moved.
  public mutating func saw(_ turn: Turn, flip: Bool, pointerMoved: Bool = false) {
    looks.saw(
      turn, flip: flip, pointerMoved: pointerMoved,
      checkLead: deadline.lead + FlipPhase.guardTime(interval: interval))
  }

  /// Tells that a frame was handed over in the last turn.
  ///
  /// - Parameters:
  ///   - number: the frame's number in its feedback.
  ///   - now: the time, of CLOCK_MONOTONIC.
  public mutating func handedOver(_ number: UInt64, at now: MonotonicInstant) {
    guard let current else { return }
    last.number = number
    last.isTold = false
    deadline.learn(
      look: current.turn.wake, planned: current.handover, handedOver: now, interval: interval)
    guard let aim = current.turn.aim, let lastRefresh = clock.lastRefresh else { return }
    let isFresh = now.nanoseconds(since: lastRefresh) < Self.memory
    let early = aim.nanoseconds(since: now) - deadline.margin.nanoseconds
    awaited.append(
      AimedFrame(
        number: number, aim: aim,
        isFair: isFresh && current.turn.look == .last && early >= -interval / 32,
        isTelling: early <= deadline.lateness.nanoseconds + interval / 16))
  }

  /// Tells that the server has shown a frame.
  public mutating func presented(
    _ number: UInt64, _ feedback: PresentationFeedback, now: MonotonicInstant
  ) -> Verdict {
    let frame = awaited.take(number)
    guard let time = clock.learn(feedback, now: now) else { return .unknown }
    if number == last.number {
      last.refresh = time
      last.isTold = true
    }
    if deadline.beginsAnew(interval: interval) { return .unknown }
    guard let frame, clock.interval != nil else { return .unknown }
    let isInTime = time.nanoseconds(since: frame.aim) <= interval / 8
    deadline.learn(frame, isInTime: isInTime)
    return isInTime ? .inTime : .late
  }

  /// Tells that the server has not shown a frame, and never will.
  public mutating func discarded(_ number: UInt64) { _ = awaited.take(number) }
}

/// The turn that was taken last.
private struct TakenTurn {
  /// Its time, its refresh and its kind of look.
  let turn: FrameSchedule.Turn
  /// The planned time of its frame's hand-over; `nil` when it aims at no refresh.
  let handover: MonotonicInstant?
}

/// The frame that was handed over last.
private struct LastHandover {
  var number: UInt64 = 0
  /// The refresh that shows it, as far as it is known.
  var refresh: MonotonicInstant?
  /// Whether the server has told the refresh; else it is a guess.
  var isTold = false
}

/// The looks that are left before a refresh.
private struct RefreshLooks {
  private(set) var phase = FlipPhase()
  /// The refresh whose last look is still to come, because the first one saw nothing.
  private(set) var awaited: MonotonicInstant?
  private var check: FrameSchedule.Turn?

  /// Records a turn. A check that was planned before is dropped.
  mutating func begin() { check = nil }

  func check(now: MonotonicInstant, interval: Int) -> FrameSchedule.Turn? {
    guard let check, now.nanoseconds(since: check.wake) < interval / 16 else { return nil }
    return check
  }

  /// - Parameter checkLead: the time from a check to the refresh, in nanoseconds.
  mutating func saw(
    _ turn: FrameSchedule.Turn, flip: Bool, pointerMoved: Bool, checkLead: Int
  ) {
    if pointerMoved { phase.pointerMoved() }
    switch turn.look {
    case .first:
      awaited = flip ? nil : turn.aim
      guard flip else { return }
      phase.saw(.first)
      guard phase.asksForCheck, let aim = turn.aim else { return }
      check = FrameSchedule.Turn(
        wake: aim.advanced(nanoseconds: -checkLead), aim: aim, look: .check)
    case .last:
      let hadFirst = awaited != nil && awaited == turn.aim
      phase.saw(!flip ? .neither : hadFirst ? .last : .only)
      awaited = nil
    case .check:
      if flip { phase.wasOvertaken() }
    }
  }
}

/// A frame that was handed over for a refresh, until its feedback comes.
struct AimedFrame {
  let number: UInt64
  let aim: MonotonicInstant
  /// Whether it was handed over as early as the margin demands: if it is late, the margin is too
  /// small.
  let isFair: Bool
  /// Whether it was handed over close to the margin. A frame that was handed over much earlier
  /// proves nothing about the margin by being in time.
  let isTelling: Bool
}

/// The frames that wait for feedback.
private struct AimedFrames {
  private var frames: [AimedFrame] = []

  /// The most frames that wait for feedback. A server that gives none costs no more than these.
  private static let most = 8

  mutating func append(_ frame: AimedFrame) {
    if frames.count == Self.most { frames.removeFirst() }
    frames.append(frame)
  }

  mutating func take(_ number: UInt64) -> AimedFrame? {
    guard let index = frames.firstIndex(where: { $0.number == number }) else { return nil }
    return frames.remove(at: index)
  }
}
