// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// When to look at a guest, so that its picture is handed over just before the display server needs
/// it. Earlier the picture would be older; later it would be shown a refresh late.
///
/// Pure arithmetic. A program that shows frames asks for the next turn, sleeps until then, looks, and
/// tells the schedule the result.
public struct FrameSchedule: Sendable {
  /// Which of the looks before a refresh.
  public enum Look: Hashable, Sendable {
    /// Where a steady guest has just flipped. Only a flip is shown then: all else may change until
    /// the last look, which follows when there was none.
    case first
    /// At the latest moment.
    case last
    /// After a first one that saw a flip: whether the guest flips again. Nothing is shown.
    case check
  }

  /// When to look, and for which refresh.
  public struct Turn: Hashable, Sendable {
    /// When to look at the guest.
    public var wake: MonotonicInstant
    /// The refresh that is aimed at; `nil` while none can be foreseen.
    public var aim: MonotonicInstant?
    /// Which look it is.
    public var look: Look

    /// Makes a turn of its parts.
    public init(wake: MonotonicInstant, aim: MonotonicInstant?, look: Look = .last) {
      self.wake = wake
      self.aim = aim
      self.look = look
    }
  }

  /// What became of a frame.
  public enum Verdict: Hashable, Sendable {
    /// It was in the refresh that it aimed at, or in an earlier one.
    case inTime
    /// It was in a later one.
    case late
    /// It aimed at none.
    case unknown
  }

  /// When the monitor refreshes.
  public private(set) var clock = PresentationClock()
  /// Nanoseconds between looks while nothing is known of the monitor's refreshes.
  public var fallbackInterval: Int

  private var deadline: HandoverDeadline
  private var looks = RefreshLooks()
  private var current: TakenTurn?
  /// The server has asked for a frame since the last turn.
  private var isAsked = false
  private var last = LastHandover()
  private var awaited = AimedFrames()

  /// Without feedback for so many nanoseconds the foreseen refreshes have drifted away from the
  /// true ones: a late frame then says nothing of the margin.
  private static let memory = 2_000_000_000

  /// - Parameter fallbackInterval: nanoseconds between looks while nothing is known.
  public init(fallbackInterval: Int) {
    self.fallbackInterval = fallbackInterval
    deadline = HandoverDeadline(interval: fallbackInterval)
  }

  /// The interval that is worked with, in nanoseconds.
  package var interval: Int { clock.interval ?? fallbackInterval }
  /// How long before a refresh a frame has to be handed over.
  package var margin: DeadlineMargin { deadline.margin }
  /// How long a frame takes.
  package var work: WorkEstimate { deadline.work }
  /// How much later than planned a frame may be.
  package var lateness: Lateness { deadline.lateness }
  /// When the guest flips.
  package var phase: FlipPhase { looks.phase }

  // MARK: The next turn

  /// The next turn after the last one.
  ///
  /// - Parameters:
  ///   - now: the time.
  ///   - skipped: so many refreshes between the last turn's and this one's have none.
  public func next(now: MonotonicInstant, skipping skipped: Int = 0) -> Turn {
    guard let interval = clock.interval else { return turnWithoutClock(now, skipped) }
    if let aim = looks.awaited, aim > now {
      return Turn(wake: max(now, aim.advanced(nanoseconds: -deadline.lead)), aim: aim)
    }
    // The clock may have been put right by less than half a refresh.
    let lastAim = [current?.turn.aim, last.refresh].lazy.compactMap { $0 }.max()
    let earliest = lastAim?.advanced(nanoseconds: interval / 2 + skipped * interval) ?? now
    let aim = clock.nextRefresh(after: max(now, earliest))
    let lastLook = max(now, (aim ?? now).advanced(nanoseconds: -deadline.lead))
    let turn = Turn(wake: lastLook, aim: aim)
    // The margin is learned from last looks.
    guard skipped == 0, deadline.margin.isSettled, let aim,
      let lead = looks.phase.lead(interval: interval)
    else { return turn }
    // Until the last refresh has passed a frame might replace the one that is to be shown there.
    let passed = lastAim?.advanced(nanoseconds: interval / 16) ?? now
    let firstLook = max(now, passed, aim.advanced(nanoseconds: -lead))
    // What would come so soon before the last look is not worth a look of its own.
    guard lastLook.nanoseconds(since: firstLook) > interval / 16 else { return turn }
    return Turn(wake: firstLook, aim: aim, look: .first)
  }

  /// Without a clock the server's own asking is the best there is.
  private func turnWithoutClock(_ now: MonotonicInstant, _ skipped: Int) -> Turn {
    let wake =
      isAsked
      ? now : current?.turn.wake.advanced(nanoseconds: (1 + skipped) * fallbackInterval) ?? now
    return Turn(wake: max(wake, now), aim: nil)
  }

  /// The look at what the guest does after its frame was handed over, where there is to be one. It
  /// needs nobody's leave, because nothing is shown.
  public func check(now: MonotonicInstant) -> Turn? { looks.check(now: now, interval: interval) }

  // MARK: What happens

  /// The server has taken the frame that was handed over last, and asks for the next
  /// (`wl_surface.frame`).
  public mutating func asked(now: MonotonicInstant) {
    isAsked = true
    // A server that asks after it has told of the frame asks late, and takes the next in time.
    guard let aim = current?.turn.aim, !last.isTold else { return }
    // Taken after its refresh it can only be in a later one, and so can what follows it.
    last.refresh = now > aim ? clock.nextRefresh(after: now) : aim
  }

  /// The turn was taken; `saw` and `handedOver` tell the result.
  public mutating func took(_ turn: Turn, now: MonotonicInstant) {
    looks.begin()
    current = TakenTurn(
      turn: Turn(wake: now, aim: turn.aim, look: turn.look),
      handover: turn.aim.map { _ in deadline.handover(after: turn.wake) })
    isAsked = false
  }

  /// What the guest was seen to have done since its last frame was shown.
  ///
  /// - Parameters:
  ///   - turn: the turn that was taken.
  ///   - flip: whether it shows another frame.
  ///   - pointerMoved: whether its pointer plane is elsewhere.
  public mutating func saw(_ turn: Turn, flip: Bool, pointerMoved: Bool = false) {
    looks.saw(
      turn, flip: flip, pointerMoved: pointerMoved,
      checkLead: deadline.lead + FlipPhase.guardTime(interval: interval))
  }

  /// A frame was handed over in the last turn.
  ///
  /// - Parameters:
  ///   - number: by which its feedback will be told.
  ///   - now: when, CLOCK_MONOTONIC.
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

  /// The server has shown a frame.
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

  /// The server has not shown a frame, and never will.
  public mutating func discarded(_ number: UInt64) { _ = awaited.take(number) }
}

/// The turn that was taken last.
private struct TakenTurn {
  /// When it was taken, for which refresh, and which look it was.
  let turn: FrameSchedule.Turn
  /// When its frame should be handed over; `nil` when it has no refresh to aim at.
  let handover: MonotonicInstant?
}

/// The frame that was handed over last.
private struct LastHandover {
  var number: UInt64 = 0
  /// The refresh that shows it, as far as is known.
  var refresh: MonotonicInstant?
  /// The server has told the refresh: it is no guess.
  var isTold = false
}

/// Which looks are left before a refresh.
private struct RefreshLooks {
  private(set) var phase = FlipPhase()
  /// The refresh whose last look is still to come, because the first one saw nothing.
  private(set) var awaited: MonotonicInstant?
  private var check: FrameSchedule.Turn?

  /// A turn is taken: a check that was planned is out of date.
  mutating func begin() { check = nil }

  func check(now: MonotonicInstant, interval: Int) -> FrameSchedule.Turn? {
    guard let check, now.nanoseconds(since: check.wake) < interval / 16 else { return nil }
    return check
  }

  /// - Parameter checkLead: how long before the refresh a check would be, in nanoseconds.
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
  /// It was handed over as early as the margin asks: if it is late, the margin is too small.
  let isFair: Bool
  /// It was not handed over so much earlier that being in time says nothing of the margin.
  let isTelling: Bool
}

/// The frames whose feedback is awaited.
private struct AimedFrames {
  private var frames: [AimedFrame] = []

  /// A server that says nothing of its frames is not waited for: no more than these are on their way.
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
