// SPDX-License-Identifier: Apache-2.0

/// The events that wait for the guest, and the keys and buttons that the guest believes to be down.
/// Only the queue knows which keys and buttons are held.
///
/// A sink appends each event, and takes as many events as one message to the guest can hold. The
/// number of keys bounds the queue: the queue merges motion, and drops old motion and whole key
/// strokes, but never the release of a key that the guest believes to be down.
public struct InputQueue: Hashable, Sendable {
  /// The most events. A full queue drops the least important events. A person makes fewer in ten
  /// seconds, without motion.
  static let capacity = 256
  /// The most key and button changes in one message. A PS/2 keyboard holds 16 bytes for its guest,
  /// a USB keyboard 16 keys.
  package static let changesAtOnce = 4
  /// The most notches in one message, because a PS/2 mouse counts no further.
  static let notchesAtOnce = 7
  /// The most steps in one message. A PS/2 mouse holds no more for its guest, and reports the rest
  /// only when it moves again.
  static let stepsAtOnce = 500
  /// The limit for summed steps. It is farther than any screen is wide.
  static let farthest = 0x7FFF
  /// The limit for summed notches. Older turns of a wheel are of no use.
  static let mostNotches = 100

  private(set) var items: [GuestInputEvent] = []
  /// The presses of the keys and buttons that are down for the guest, after the events that it got.
  public private(set) var told: Set<GuestInputEvent> = []

  /// Makes an empty queue, for a guest that believes nothing to be down.
  public init() {}

  /// Whether no event waits.
  public var isEmpty: Bool { items.isEmpty }

  /// Whether the first waiting event is a key. Keyboards hold few keys, so a sink gives the guest
  /// time between two keys.
  public var startsWithKey: Bool {
    if case .key? = items.first { true } else { false }
  }

  /// Whether a key or button is down for the guest after it got all waiting events.
  ///
  /// - Parameter event: the press or the release. The result is false for motion and the wheel.
  public func isHeld(_ event: GuestInputEvent) -> Bool {
    guard let press = event.press else { return false }
    if let last = items.last(where: { $0.press == press }) { return last.isPress }
    return told.contains(press)
  }

  /// The presses of the keys and buttons that are down for the guest after it got all waiting
  /// events.
  var held: Set<GuestInputEvent> {
    told.union(items.compactMap(\.press)).filter(isHeld)
  }

  // MARK: From the person

  /// Adds an event. Its numbers are limited to sensible values.
  ///
  /// - Returns: false for the press of a key or button that is down, and for the release of one
  ///   that is up. The queue drops such events, because the guest repeats keys itself.
  @discardableResult
  public mutating func append(_ event: GuestInputEvent) -> Bool {
    if let slot = event.slot, !(0..<GuestInputEvent.mostTouches).contains(slot) { return false }
    if let press = event.press {
      guard isHeld(press) != event.isPress else { return false }
      items.append(event.clamped)
    } else if case .touchMove(let slot, _, _) = event {
      // A finger that does not touch the screen is nowhere.
      guard isHeld(.touchUp(slot: slot)) else { return false }
      if case .touchMove(slot, _, _)? = items.last { items.removeLast() }
      items.append(event.clamped)
    } else {
      move(event)
    }
    if items.count > Self.capacity { makeRoom() }
    return true
  }

  /// Releases every key and button that is down or will be down.
  public mutating func releaseAll() {
    for release in Self.releases(of: held) { append(release) }
  }

  /// Adds motion to waiting motion of the same kind, but never across another event: a click
  /// belongs to the pointer's place at that time.
  private mutating func move(_ motion: GuestInputEvent) {
    let steps = -Self.farthest...Self.farthest
    let turns = -Self.mostNotches...Self.mostNotches
    let places = 0...GuestInputEvent.absoluteMaximum
    switch (items.last, motion) {
    case (let last, .absolute(let x, let y)):
      let place = GuestInputEvent.absolute(x: x.clamped(to: places), y: y.clamped(to: places))
      if case .absolute? = last { items[items.count - 1] = place } else { items.append(place) }
    case (.relative(let dx, let dy), .relative(let moreX, let moreY)):
      items[items.count - 1] = .relative(
        dx: dx.adding(moreX, within: steps), dy: dy.adding(moreY, within: steps))
    case (.wheel(let axis, let notches), .wheel(let sameAxis, let more)) where axis == sameAxis:
      items[items.count - 1] = .wheel(axis, notches: notches.adding(more, within: turns))
    case (_, .relative(let dx, let dy)):
      items.append(.relative(dx: dx.clamped(to: steps), dy: dy.clamped(to: steps)))
    case (_, .wheel(let axis, let notches)):
      items.append(.wheel(axis, notches: notches.clamped(to: turns)))
    case (_, .key), (_, .button), (_, .touchDown), (_, .touchMove), (_, .touchUp):
      break
    }
  }

  /// Drops motion first, then whole strokes from press to release. At most one release and one
  /// press remain of each key, so the number of keys bounds the queue.
  private mutating func makeRoom() {
    if let index = items.dropLast().firstIndex(where: { $0.press == nil }) {
      items.remove(at: index)
      return
    }
    for (index, item) in items.enumerated() {
      guard item.isPress, let release = item.release,
        let end = items[index...].firstIndex(of: release)
      else { continue }
      items.remove(at: end)
      items.remove(at: index)
      return
    }
  }

  // MARK: To the guest

  /// Takes the events for one message: motion, then key and button changes, each key or button once
  /// at most. QEMU tells its devices only once per command. So motion after a click would move the
  /// click, and a tablet would miss a button that was pressed and released in one command.
  ///
  /// - Parameter limit: the most events to take, counted as they were appended.
  public mutating func take(limit: Int = .max) -> [GuestInputEvent] {
    var taken: [GuestInputEvent] = []
    var changes = 0
    while taken.count < limit, let item = items.first {
      switch item {
      case .key, .button:
        guard let press = item.press, changes < Self.changesAtOnce,
          !taken.contains(where: { $0.press == press })
        else { return taken }
        changes += 1
        note(item)
        taken.append(items.removeFirst())
      case .absolute:
        guard taken.isEmpty else { return taken }
        taken.append(items.removeFirst())
      case .touchDown, .touchMove, .touchUp:
        // A message of its own, because QEMU tells its devices once for each.
        guard taken.isEmpty else { return taken }
        note(item)
        return [items.removeFirst()]
      case .relative(let dx, let dy):
        guard taken.isEmpty else { return taken }
        let steps = -Self.stepsAtOnce...Self.stepsAtOnce
        let (nowX, nowY) = (dx.clamped(to: steps), dy.clamped(to: steps))
        taken.append(.relative(dx: nowX, dy: nowY))
        if (nowX, nowY) == (dx, dy) {
          items.removeFirst()
        } else {
          items[0] = .relative(dx: dx - nowX, dy: dy - nowY)
          return taken
        }
      case .wheel(let axis, let notches):
        guard changes == 0 else { return taken }
        let now = notches.clamped(to: -Self.notchesAtOnce...Self.notchesAtOnce)
        if now == notches {
          items.removeFirst()
        } else {
          items[0] = .wheel(axis, notches: notches - now)
        }
        // A turn of zero notches is no event.
        if now != 0 { taken.append(.wheel(axis, notches: now)) }
        if !taken.isEmpty { return taken }
      }
    }
    return taken
  }

  /// Puts the events back that were taken last and did not reach the guest.
  public mutating func putBack(_ taken: [GuestInputEvent]) {
    for event in taken where event.press != nil {
      if let opposite = event.isPress ? event.release : event.press { note(opposite) }
    }
    items.insert(contentsOf: taken, at: 0)
  }

  private mutating func note(_ change: GuestInputEvent) {
    guard let press = change.press else { return }
    if change.isPress { told.insert(press) } else { told.remove(press) }
  }

  /// Keeps only the releases of keys and buttons that the guest believes to be down. Use it for a
  /// guest that takes no input now and must not get old input later.
  public mutating func keepReleases() {
    items = Self.releases(of: told.filter { !isHeld($0) })
  }

  /// Drops all events of a key or button that the guest cannot get.
  ///
  /// - Parameter event: the press or the release.
  public mutating func forget(_ event: GuestInputEvent) {
    guard let press = event.press else { return }
    told.remove(press)
    items.removeAll { $0.press == press }
  }

  /// Forgets everything. Use it when the sink leaves the guest or changes to another one.
  ///
  /// - Returns: the releases that the old guest still needs.
  @discardableResult
  public mutating func reset() -> [GuestInputEvent] {
    defer { self = InputQueue() }
    return Self.releases(of: told)
  }

  /// The releases of the keys by key code, then of the buttons, then of the fingers.
  private static func releases(of presses: Set<GuestInputEvent>) -> [GuestInputEvent] {
    if presses.isEmpty { return [] }
    let keys = presses.compactMap { if case .key(let key, _) = $0 { key.rawValue } else { nil } }
    return keys.sorted().map { .key(Keycode(rawValue: $0), down: false) }
      + PointerButton.allCases.filter { presses.contains(.button($0, down: true)) }
      .map { .button($0, down: false) }
      + presses.compactMap(\.slot).sorted().map { .touchUp(slot: $0) }
  }
}

extension GuestInputEvent {
  /// The finger's number.
  fileprivate var slot: Int? {
    switch self {
    case .touchDown(let slot, _, _), .touchMove(let slot, _, _), .touchUp(let slot): slot
    case .key, .button, .absolute, .relative, .wheel: nil
    }
  }

  /// A touch on the screen, at the edge for a place beyond it; every other event as it is.
  fileprivate var clamped: GuestInputEvent {
    let places = 0...Self.absoluteMaximum
    return switch self {
    case .touchDown(let slot, let x, let y):
      .touchDown(slot: slot, x: x.clamped(to: places), y: y.clamped(to: places))
    case .touchMove(let slot, let x, let y):
      .touchMove(slot: slot, x: x.clamped(to: places), y: y.clamped(to: places))
    default: self
    }
  }
}

extension Int {
  fileprivate func clamped(to range: ClosedRange<Int>) -> Int {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }

  /// The sum, limited to the range. It cannot overflow `Int`.
  fileprivate func adding(_ other: Int, within range: ClosedRange<Int>) -> Int {
    (clamped(to: range) + other.clamped(to: range)).clamped(to: range)
  }
}
