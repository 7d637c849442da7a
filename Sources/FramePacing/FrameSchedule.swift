// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// When to look at a guest, so that what it shows is handed over just before the display server
/// needs it: not earlier, as it would be older, and not later, as it would be a refresh late.
///
/// Pure arithmetic on what it is told. Whoever shows frames asks it for the next turn, sleeps until
/// then, looks, and tells it what came of it.
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
  /// How long before a refresh a frame has to be handed over.
  public private(set) var margin: DeadlineMargin
  /// How long that takes.
  public private(set) var work = WorkEstimate()
  /// How much later than planned that may be.
  public private(set) var lateness = Lateness()
  /// When the guest flips.
  public private(set) var phase = FlipPhase()
  /// Nanoseconds between looks while nothing is known of the monitor's refreshes.
  public var fallbackInterval: Int

  private var marginInterval: Int
  private var lastTurn: Turn?
  /// The refresh whose last look is still to come, as the first one saw nothing.
  private var awaited: MonotonicInstant?
  private var pendingCheck: Turn?
  /// When the last turn's frame should be handed over, if it had a refresh to aim at.
  private var plannedHandover: MonotonicInstant?
  /// The refresh of the frame that was handed over last, as far as is known.
  private var lastTaken: MonotonicInstant?
  /// That is not a guess.
  private var isLastTakenTold = false
  private var lastNumber: UInt64 = 0
  private var isAsked = false
  private var pending: [Pending] = []

  private struct Pending {
    let number: UInt64
    let aim: MonotonicInstant
    /// It was handed over as early as the margin asks: if it is late, the margin is too small.
    let isFair: Bool
    /// It was not handed over so much earlier that being in time says nothing of the margin.
    let isTelling: Bool
  }

  /// More frames than that are not on their way; a server that says nothing of them is not waited
  /// for.
  private static let mostPending = 8
  /// Without feedback for so many nanoseconds the foreseen refreshes have drifted away from the
  /// true ones: a late frame then says nothing of the margin.
  private static let memory = 2_000_000_000

  /// - Parameter fallbackInterval: nanoseconds between looks while nothing is known.
  public init(fallbackInterval: Int) {
    self.fallbackInterval = fallbackInterval
    marginInterval = fallbackInterval
    margin = DeadlineMargin(interval: fallbackInterval)
  }

  /// The interval that is worked with, in nanoseconds.
  public var interval: Int { clock.interval ?? fallbackInterval }

  /// How long before a refresh the last look is, in nanoseconds.
  private var latest: Int { margin.nanoseconds + work.nanoseconds + lateness.nanoseconds }

  /// The next turn after the last one.
  ///
  /// - Parameters:
  ///   - now: the time.
  ///   - skipped: so many refreshes between the last turn's and this one's have none.
  public func next(now: MonotonicInstant, skipping skipped: Int = 0) -> Turn {
    guard let interval = clock.interval else {
      // Without a clock the server's own asking is the best there is.
      let wake =
        isAsked
        ? now : lastTurn?.wake.advanced(nanoseconds: (1 + skipped) * fallbackInterval) ?? now
      return Turn(wake: max(wake, now), aim: nil)
    }
    if let awaited, awaited > now {
      return Turn(wake: max(now, awaited.advanced(nanoseconds: -latest)), aim: awaited)
    }
    // The clock may have been put right by less than half a refresh.
    let last = [lastTurn?.aim, lastTaken].lazy.compactMap { $0 }.max()
    let earliest = last?.advanced(nanoseconds: interval / 2 + skipped * interval) ?? now
    let aim = clock.nextRefresh(after: max(now, earliest))
    let lastLook = max(now, (aim ?? now).advanced(nanoseconds: -latest))
    let turn = Turn(wake: lastLook, aim: aim)
    // The margin is learned from last looks.
    guard skipped == 0, margin.isSettled, let aim, let lead = phase.lead(interval: interval) else {
      return turn
    }
    // Until the last refresh has passed a frame might replace the one that is to be shown there.
    let passed = last?.advanced(nanoseconds: interval / 16) ?? now
    let firstLook = max(now, passed, aim.advanced(nanoseconds: -lead))
    // What would come so soon before the last look is not worth a look of its own.
    guard lastLook.nanoseconds(since: firstLook) > interval / 16 else { return turn }
    return Turn(wake: firstLook, aim: aim, look: .first)
  }

  /// The look at what the guest does after its frame was handed over, where there is to be one. It
  /// needs nobody's leave, as nothing is shown.
  public func check(now: MonotonicInstant) -> Turn? {
    guard let pendingCheck, now.nanoseconds(since: pendingCheck.wake) < interval / 16 else {
      return nil
    }
    return pendingCheck
  }

  /// The server has taken the frame that was handed over last, and asks for the next
  /// (`wl_surface.frame`).
  public mutating func asked(now: MonotonicInstant) {
    isAsked = true
    // A server that asks after it has told of the frame asks late, and takes the next in time.
    guard let aim = lastTurn?.aim, !isLastTakenTold else { return }
    // Taken after its refresh it can only be in a later one, and so can what follows it.
    lastTaken = now > aim ? clock.nextRefresh(after: now) : aim
  }

  /// The turn was taken; what came of it is told by `saw` and `handedOver`.
  public mutating func took(_ turn: Turn, now: MonotonicInstant) {
    pendingCheck = nil
    lastTurn = Turn(wake: now, aim: turn.aim, look: turn.look)
    plannedHandover = turn.aim.map { _ in turn.wake.advanced(nanoseconds: work.nanoseconds) }
    isAsked = false
  }

  /// What the guest was seen to have done since its last frame was shown.
  ///
  /// - Parameters:
  ///   - turn: the turn that was taken.
  ///   - flip: whether it shows another frame.
  ///   - pointerMoved: whether its pointer plane is elsewhere.
  public mutating func saw(_ turn: Turn, flip: Bool, pointerMoved: Bool = false) {
    if pointerMoved { phase.pointerMoved() }
    switch turn.look {
    case .first:
      awaited = flip ? nil : turn.aim
      guard flip else { return }
      phase.saw(.first)
      guard phase.asksForCheck, let aim = turn.aim else { return }
      let early = latest + FlipPhase.guardTime(interval: interval)
      pendingCheck = Turn(wake: aim.advanced(nanoseconds: -early), aim: aim, look: .check)
    case .last:
      let hadFirst = awaited != nil && awaited == turn.aim
      phase.saw(!flip ? .neither : hadFirst ? .last : .only)
      awaited = nil
    case .check:
      if flip { phase.wasOvertaken() }
    }
  }

  /// A frame was handed over in the last turn.
  ///
  /// - Parameters:
  ///   - number: by which its feedback will be told.
  ///   - now: when, CLOCK_MONOTONIC.
  public mutating func handedOver(_ number: UInt64, at now: MonotonicInstant) {
    guard let lastTurn else { return }
    lastNumber = number
    isLastTakenTold = false
    if let plannedHandover {
      lateness.learn(now.nanoseconds(since: plannedHandover), interval: interval)
    }
    work.learn(now.nanoseconds(since: lastTurn.wake), most: interval)
    guard let aim = lastTurn.aim, let lastRefresh = clock.lastRefresh else { return }
    let isFresh = now.nanoseconds(since: lastRefresh) < Self.memory
    let early = aim.nanoseconds(since: now) - margin.nanoseconds
    if pending.count == Self.mostPending { pending.removeFirst() }
    pending.append(
      Pending(
        number: number, aim: aim,
        isFair: isFresh && lastTurn.look == .last && early >= -interval / 32,
        isTelling: early <= lateness.nanoseconds + interval / 16))
  }

  /// The server has shown a frame.
  public mutating func presented(
    _ number: UInt64, _ feedback: PresentationFeedback, now: MonotonicInstant
  ) -> Verdict {
    let frame = take(number)
    guard let time = clock.learn(feedback, now: now) else { return .unknown }
    if number == lastNumber {
      lastTaken = time
      isLastTakenTold = true
    }
    if abs(interval - marginInterval) > marginInterval / 16 {
      // Another monitor, or another mode: what was learned does not hold there.
      marginInterval = interval
      margin = DeadlineMargin(interval: interval)
      return .unknown
    }
    guard let frame, clock.interval != nil else { return .unknown }
    if time.nanoseconds(since: frame.aim) <= interval / 8 {
      if frame.isTelling { margin.madeIt() }
      return .inTime
    }
    if frame.isFair { margin.missed() }
    return .late
  }

  /// The server has not shown a frame, and never will.
  public mutating func discarded(_ number: UInt64) { _ = take(number) }

  private mutating func take(_ number: UInt64) -> Pending? {
    guard let index = pending.firstIndex(where: { $0.number == number }) else { return nil }
    return pending.remove(at: index)
  }
}
