// SPDX-License-Identifier: Apache-2.0

/// What a person has done and the guest has not been told yet, and what the guest believes to be
/// down: the one place that knows which keys and buttons are held.
///
/// A sink appends each event, and takes as many as one message to the guest can say. The queue is
/// bounded by the keys that there are: it puts motion together, and leaves out old motion and whole
/// strokes of keys, but never the release of a key that the guest believes to be down.
public struct InputQueue: Hashable, Sendable {
  /// Beyond it, what matters least is left out. A person makes less in ten seconds, motion apart.
  static let capacity = 256
  /// Of one message. A PS/2 keyboard holds 16 bytes for its guest, a USB keyboard 16 keys.
  package static let changesAtOnce = 4
  /// A PS/2 mouse counts no further in one message.
  static let notchesAtOnce = 7
  /// A PS/2 mouse holds no more for its guest; it tells the rest only when it is moved again.
  static let stepsAtOnce = 500
  /// Farther than any screen is wide; what is summed up stays within it.
  static let farthest = 0x7FFF
  /// Older turns of a wheel than these are of no use.
  static let mostNotches = 100

  private(set) var items: [GuestInputEvent] = []
  /// The presses of what is down for the guest, as far as it was told.
  public private(set) var told: Set<GuestInputEvent> = []

  /// Makes a queue of a guest that believes nothing to be down.
  public init() {}

  /// Whether nothing waits.
  public var isEmpty: Bool { items.isEmpty }

  /// Whether a key waits first. Keyboards hold few, so a sink gives the guest time between two.
  public var startsWithKey: Bool {
    if case .key? = items.first { true } else { false }
  }

  /// Whether a key or button is down for the guest as soon as it has got all that waits.
  ///
  /// - Parameter event: its press or its release; false for motion and the wheel.
  public func isHeld(_ event: GuestInputEvent) -> Bool {
    guard let press = event.press else { return false }
    if let last = items.last(where: { $0.press == press }) { return last == press }
    return told.contains(press)
  }

  /// The presses of what is down for the guest as soon as it has got all that waits.
  var held: Set<GuestInputEvent> {
    told.union(items.compactMap(\.press)).filter(isHeld)
  }

  // MARK: From the person

  /// Adds an event, whose numbers are cut to what makes sense.
  ///
  /// - Returns: false for the press of what is down and the release of what is up, which the queue
  ///   leaves out: repeating a key is the guest's matter.
  @discardableResult
  public mutating func append(_ event: GuestInputEvent) -> Bool {
    if let press = event.press {
      guard isHeld(press) != (event == press) else { return false }
      items.append(event)
    } else {
      move(event)
    }
    if items.count > Self.capacity { makeRoom() }
    return true
  }

  /// Lets go of all that is down or about to be.
  public mutating func releaseAll() {
    for release in Self.releases(of: held) { append(release) }
  }

  /// Motion is added to motion of its kind, but never across anything else: a click was meant for the
  /// pointer's place at that time.
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
    case (_, .key), (_, .button):
      break
    }
  }

  /// Motion goes first, then whole strokes, from press to release. What is left of a key is one
  /// release and one press at most, so that the queue is bounded by the keys that there are.
  private mutating func makeRoom() {
    if let index = items.dropLast().firstIndex(where: { $0.press == nil }) {
      items.remove(at: index)
      return
    }
    for (index, item) in items.enumerated() {
      guard item == item.press, let release = item.release,
        let end = items[index...].firstIndex(of: release)
      else { continue }
      items.remove(at: end)
      items.remove(at: index)
      return
    }
  }

  // MARK: To the guest

  /// Takes what one message can say: motion, and then changes, none of which changes twice. QEMU
  /// tells its devices once a command, so that motion after a click would move the click, and a
  /// tablet would miss a button that was down for the length of a command only.
  ///
  /// - Parameter limit: of the events as they were appended.
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
        // A turn of zero is no event at all.
        if now != 0 { taken.append(.wheel(axis, notches: now)) }
        if !taken.isEmpty { return taken }
      }
    }
    return taken
  }

  /// Takes back what was taken last and has not reached the guest.
  public mutating func putBack(_ taken: [GuestInputEvent]) {
    for event in taken where event.press != nil {
      if let opposite = event == event.press ? event.release : event.press { note(opposite) }
    }
    items.insert(contentsOf: taken, at: 0)
  }

  private mutating func note(_ change: GuestInputEvent) {
    guard let press = change.press else { return }
    if change == press { told.insert(press) } else { told.remove(press) }
  }

  /// Leaves nothing but the releases of what the guest believes to be down: for a guest that takes
  /// no input, and should not be surprised by it later.
  public mutating func keepReleases() {
    items = Self.releases(of: told.filter { !isHeld($0) })
  }

  /// Leaves out all of a key or button, of which the guest cannot be told.
  ///
  /// - Parameter event: its press or its release.
  public mutating func forget(_ event: GuestInputEvent) {
    guard let press = event.press else { return }
    told.remove(press)
    items.removeAll { $0.press == press }
  }

  /// Forgets everything, because the guest is another one or is left.
  ///
  /// - Returns: the releases that the guest which is left has to hear.
  @discardableResult
  public mutating func reset() -> [GuestInputEvent] {
    defer { self = InputQueue() }
    return Self.releases(of: told)
  }

  /// Keys by their number, then buttons.
  private static func releases(of presses: Set<GuestInputEvent>) -> [GuestInputEvent] {
    if presses.isEmpty { return [] }
    let keys = presses.compactMap { if case .key(let key, _) = $0 { key.rawValue } else { nil } }
    return keys.sorted().map { .key(Keycode(rawValue: $0), down: false) }
      + PointerButton.allCases.filter { presses.contains(.button($0, down: true)) }
      .map { .button($0, down: false) }
  }
}

extension Int {
  fileprivate func clamped(to range: ClosedRange<Int>) -> Int {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }

  /// The sum, or the range's end when the sum is beyond: never beyond `Int`.
  fileprivate func adding(_ other: Int, within range: ClosedRange<Int>) -> Int {
    (clamped(to: range) + other.clamped(to: range)).clamped(to: range)
  }
}
