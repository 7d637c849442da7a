// SPDX-License-Identifier: Apache-2.0

import GuestInput
import QMP

/// What a person has done and the guest has not been told yet, and what the guest believes to be
/// down.
struct InputQueue {
  /// What can be down.
  enum Switch: Hashable {
    case key(Keycode)
    case button(PointerButton)
  }

  enum Item: Hashable {
    case change(Switch, down: Bool)
    case absolute(x: Int, y: Int)
    case relative(dx: Int, dy: Int)
    case wheel(WheelAxis, notches: Int)
  }

  /// Beyond it, what matters least is left out. A person makes less in ten seconds, motion apart.
  static let capacity = 256
  /// Of one command. A PS/2 keyboard holds 16 bytes for its guest, a USB keyboard 16 keys.
  static let changesAtOnce = 4
  /// A PS/2 mouse counts no further in one message.
  static let notchesAtOnce = 7
  /// A PS/2 mouse holds no more for its guest; the rest it tells only when it is moved again.
  static let stepsAtOnce = 500
  /// Farther than any screen is wide; what is summed up stays within it.
  static let farthest = 0x7FFF
  /// Older turns of a wheel than these are of no use.
  static let mostNotches = 100

  private(set) var items: [Item] = []
  /// Down for the guest, as far as it was told.
  private(set) var inGuest: Set<Switch> = []
  /// Down for the guest as soon as it has got all that waits.
  private(set) var expected: Set<Switch> = []

  var isEmpty: Bool { items.isEmpty }

  /// What is next is a key, of which keyboards hold few.
  var startsWithKey: Bool {
    if case .change(.key, _)? = items.first { true } else { false }
  }

  // MARK: From the person

  mutating func append(_ event: GuestInputEvent) {
    switch event {
    case .key(let key, let down): change(.key(key), down: down)
    case .button(let button, let down): change(.button(button), down: down)
    case .absolute(let x, let y):
      let places = 0...GuestInputEvent.absoluteMaximum
      move(.absolute(x: x.clamped(to: places), y: y.clamped(to: places)))
    case .relative(let dx, let dy): move(.relative(dx: dx, dy: dy))
    case .wheel(let axis, let notches): move(.wheel(axis, notches: notches))
    }
    if items.count > Self.capacity { makeRoom() }
  }

  /// Lets go of all that is down or about to be.
  mutating func releaseAll() {
    for item in expected { change(item, down: false) }
  }

  private mutating func change(_ item: Switch, down: Bool) {
    // A key that repeats itself is down already: repeating is the guest's matter.
    let isChange = down ? expected.insert(item).inserted : expected.remove(item) != nil
    if isChange { items.append(.change(item, down: down)) }
  }

  /// Motion is added to motion of its kind, but never across anything else, which was meant where
  /// the pointer was then.
  private mutating func move(_ motion: Item) {
    let steps = -Self.farthest...Self.farthest
    let turns = -Self.mostNotches...Self.mostNotches
    switch (items.last, motion) {
    case (.absolute, .absolute):
      items[items.count - 1] = motion
    case (.relative(let dx, let dy), .relative(let moreX, let moreY)):
      items[items.count - 1] = .relative(
        dx: dx.adding(moreX, within: steps), dy: dy.adding(moreY, within: steps))
    case (.wheel(let axis, let notches), .wheel(let sameAxis, let more)) where axis == sameAxis:
      items[items.count - 1] = .wheel(axis, notches: notches.adding(more, within: turns))
    case (_, .relative(let dx, let dy)):
      items.append(.relative(dx: dx.clamped(to: steps), dy: dy.clamped(to: steps)))
    case (_, .wheel(let axis, let notches)):
      items.append(.wheel(axis, notches: notches.clamped(to: turns)))
    default:
      items.append(motion)
    }
  }

  /// Motion goes first, then whole strokes, from press to release. What is left of a key is one
  /// release and one press at most, so that the queue is bounded by the keys that there are.
  private mutating func makeRoom() {
    if let index = items.dropLast().firstIndex(where: { !$0.isChange }) {
      items.remove(at: index)
      return
    }
    for (index, item) in items.enumerated() {
      guard case .change(let pressed, down: true) = item,
        let release = items[index...].firstIndex(of: .change(pressed, down: false))
      else { continue }
      items.remove(at: release)
      items.remove(at: index)
      return
    }
  }

  // MARK: To the guest

  /// Takes what one command can say: motion, and then changes, none of which changes twice. QEMU
  /// tells its devices once a command, so that motion after a click would move the click, and a
  /// tablet would miss a button that was down for the length of a command only.
  ///
  /// - Parameter limit: of the events as they were appended.
  mutating func take(limit: Int = .max) -> [Item] {
    var taken: [Item] = []
    var changed: Set<Switch> = []
    while taken.count < limit, let item = items.first {
      switch item {
      case .change(let what, let down):
        guard changed.count < Self.changesAtOnce, changed.insert(what).inserted else {
          return taken
        }
        if down { inGuest.insert(what) } else { inGuest.remove(what) }
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
        guard changed.isEmpty else { return taken }
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
  mutating func putBack(_ taken: [Item]) {
    for case .change(let what, let down) in taken {
      if down { inGuest.remove(what) } else { inGuest.insert(what) }
    }
    items.insert(contentsOf: taken, at: 0)
  }

  /// Leaves nothing but the releases of what the guest believes to be down: for a guest that takes
  /// no input, and should not be surprised by it later.
  mutating func keepReleases() {
    expected.formIntersection(inGuest)
    items = inGuest.subtracting(expected).map { .change($0, down: false) }
  }

  /// Leaves out all of a switch: the guest cannot be told of it.
  mutating func forget(_ what: Switch) {
    inGuest.remove(what)
    expected.remove(what)
    items.removeAll { $0 == .change(what, down: true) || $0 == .change(what, down: false) }
  }

  /// Forgets everything: the guest is another one.
  mutating func reset() { self = InputQueue() }
}

extension InputQueue.Item {
  fileprivate var isChange: Bool {
    if case .change = self { true } else { false }
  }

  /// As QEMU is told.
  var events: [InputEvent] {
    switch self {
    case .change(.key(let key), let down):
      key.qKeyCode.map { [.key($0, down: down)] } ?? []
    case .change(.button(let button), let down):
      [.button(button.inputButton, down: down)]
    case .absolute(let x, let y):
      [.absolute(.x, x), .absolute(.y, y)]
    case .relative(let dx, let dy):
      [.relative(.x, dx), .relative(.y, dy)]
    case .wheel(let axis, let notches):
      // QEMU's PS/2, USB and virtio devices count a wheel's presses, so that several may be in one
      // command.
      Array(
        repeating: axis.inputButton(isForward: notches > 0), count: abs(notches)
      ).flatMap { [.button($0, down: true), .button($0, down: false)] }
    }
  }
}

extension PointerButton {
  fileprivate var inputButton: InputButton {
    switch self {
    case .left: .left
    case .middle: .middle
    case .right: .right
    case .side: .side
    case .extra: .extra
    }
  }
}

extension WheelAxis {
  /// Forward is down and to the right.
  fileprivate func inputButton(isForward: Bool) -> InputButton {
    switch self {
    case .vertical: isForward ? .wheelDown : .wheelUp
    case .horizontal: isForward ? .wheelRight : .wheelLeft
    }
  }
}

extension Int {
  fileprivate func clamped(to range: ClosedRange<Int>) -> Int {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }

  /// The sum, or the range's end where it is beyond: never beyond `Int`.
  fileprivate func adding(_ other: Int, within range: ClosedRange<Int>) -> Int {
    (clamped(to: range) + other.clamped(to: range)).clamped(to: range)
  }
}

/// How a guest with a tablet gets what QEMU's tablets do not pass on: by the mainboard's PS/2 mouse,
/// which has both wheels and five buttons, but is asked only while it is the selected one.
struct MouseDetour: Hashable {
  /// The PS/2 mouse's number in `query-mice`.
  let mouse: Int
  /// That of the tablet, which is selected else.
  let tablet: Int
  /// QEMU's USB tablet has three buttons, virtio's five.
  let hasSideButtons: Bool

  /// `nil` where the guest uses no tablet, or has no such mouse.
  init?(_ mice: [QueryMice.Mouse]) {
    guard let tablet = mice.first(where: { $0.current && $0.absolute }),
      let mouse = mice.first(where: { $0.name == "QEMU PS/2 Mouse" })
    else { return nil }
    self.mouse = mouse.index
    self.tablet = tablet.index
    hasSideButtons = tablet.name != "QEMU HID Tablet"
  }

  /// Whether something has to go this way.
  func isNeeded(for item: InputQueue.Item) -> Bool {
    switch item {
    case .wheel(.horizontal, _): true
    case .change(.button(.side), _), .change(.button(.extra), _): !hasSideButtons
    default: false
    }
  }
}
