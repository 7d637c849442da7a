// SPDX-License-Identifier: Apache-2.0

import QMP
import TestSupport
import Testing

@testable import GuestControl
@testable import GuestInput

/// What becomes of events that wait.
@Suite struct InputQueueTests {
  private let a = Keycode(rawValue: 30)
  private let b = Keycode(rawValue: 48)

  private func queue(_ events: GuestInputEvent...) -> InputQueue {
    var queue = InputQueue()
    for event in events { queue.append(event) }
    return queue
  }

  private func commands(_ queue: InputQueue) -> [[InputEvent]] {
    var queue = queue
    var commands: [[InputEvent]] = []
    while true {
      let items = queue.take()
      if items.isEmpty { return commands }
      commands.append(items.flatMap(\.inputEvents))
    }
  }

  @Test func fingersAreHeldAndReleasedAsButtonsAre() {
    var queue = queue(
      .touchDown(slot: 0, x: 1, y: 2), .touchDown(slot: 0, x: 3, y: 4),
      .touchMove(slot: 0, x: 5, y: 6), .touchMove(slot: 0, x: 7, y: 99_999),
      .touchMove(slot: 1, x: 1, y: 1), .touchUp(slot: 1), .touchDown(slot: 10, x: 0, y: 0),
      .touchDown(slot: 3, x: 0, y: 0))
    queue.releaseAll()
    #expect(
      commands(queue) == [
        [
          .touch(.begin, slot: 0), .touchButton(down: true), .touchPlace(slot: 0, .x, 1),
          .touchPlace(slot: 0, .y, 2),
        ],
        [.touch(.update, slot: 0), .touchPlace(slot: 0, .x, 7), .touchPlace(slot: 0, .y, 32767)],
        [
          .touch(.begin, slot: 3), .touchButton(down: true), .touchPlace(slot: 3, .x, 0),
          .touchPlace(slot: 3, .y, 0),
        ],
        [.touch(.end, slot: 0), .touchButton(down: false)],
        [.touch(.end, slot: 3), .touchButton(down: false)],
      ])
  }

  @Test func absoluteMotionIsItsEnd() {
    let queue = queue(.absolute(x: 1, y: 2), .absolute(x: 3, y: 4))
    #expect(commands(queue) == [[.absolute(.x, 3), .absolute(.y, 4)]])
  }

  @Test func relativeMotionIsItsSum() {
    let queue = queue(.relative(dx: 1, dy: -2), .relative(dx: 3, dy: -4))
    #expect(commands(queue) == [[.relative(.x, 4), .relative(.y, -6)]])
  }

  @Test func motionStaysBesideTheClickThatItWasMadeFor() {
    let queue = queue(
      .absolute(x: 1, y: 1), .button(.left, down: true), .absolute(x: 2, y: 2),
      .absolute(x: 3, y: 3), .button(.left, down: false))
    #expect(
      commands(queue) == [
        [.absolute(.x, 1), .absolute(.y, 1), .button(.left, down: true)],
        [.absolute(.x, 3), .absolute(.y, 3), .button(.left, down: false)],
      ])
  }

  @Test func motionIsNotMovedAcrossAKey() {
    let queue = queue(
      .relative(dx: 1, dy: 0), .key(a, down: true), .relative(dx: 1, dy: 0))
    #expect(
      commands(queue) == [
        [.relative(.x, 1), .relative(.y, 0), .key("a", down: true)],
        [.relative(.x, 1), .relative(.y, 0)],
      ])
  }

  @Test func nothingChangesTwiceInOneCommand() {
    let queue = queue(
      .button(.left, down: true), .button(.left, down: false), .button(.left, down: true),
      .key(a, down: true), .button(.left, down: false))
    #expect(
      commands(queue) == [
        [.button(.left, down: true)], [.button(.left, down: false)],
        [.button(.left, down: true), .key("a", down: true)], [.button(.left, down: false)],
      ])
  }

  @Test func keysComeInOrderAndNotTooManyAtOnce() {
    var queue = InputQueue()
    for code in 2...11 { queue.append(.key(Keycode(rawValue: UInt16(code)), down: true)) }
    let commands = commands(queue)
    #expect(commands.map(\.count) == [4, 4, 2])
    #expect(
      commands.flatMap { $0 }
        == ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"].map { .key($0, down: true) })
  }

  @Test func repeatsAndReleasesOfWhatIsUpAreLeftOut() {
    let queue = queue(
      .key(b, down: false), .key(a, down: true), .key(a, down: true), .key(a, down: false),
      .key(a, down: false))
    #expect(commands(queue) == [[.key("a", down: true)], [.key("a", down: false)]])
  }

  @Test func wheelIsPressesAndReleases() {
    let queue = queue(
      .wheel(.vertical, notches: -1), .wheel(.vertical, notches: -1),
      .wheel(.horizontal, notches: 1))
    let up: [InputEvent] = [.button(.wheelUp, down: true), .button(.wheelUp, down: false)]
    #expect(
      commands(queue) == [
        up + up, [.button(.wheelRight, down: true), .button(.wheelRight, down: false)],
      ])
  }

  @Test func wheelThereAndBackIsNothing() {
    #expect(
      commands(queue(.wheel(.vertical, notches: 1), .wheel(.vertical, notches: -1))).isEmpty)
  }

  @Test func longTurnsComeInPieces() {
    let commands = commands(queue(.wheel(.vertical, notches: 16)))
    #expect(commands.map(\.count) == [14, 14, 4])
  }

  @Test func longWaysComeInPieces() {
    #expect(
      commands(queue(.relative(dx: 700, dy: -1), .key(a, down: true))) == [
        [.relative(.x, 500), .relative(.y, -1)],
        [.relative(.x, 200), .relative(.y, 0), .key("a", down: true)],
      ])
  }

  @Test func numbersBeyondReasonAreCut() {
    let queue = queue(
      .absolute(x: .min, y: .max), .key(a, down: true), .relative(dx: .max, dy: .min),
      .relative(dx: .max, dy: .min), .key(b, down: true), .wheel(.vertical, notches: .min),
      .wheel(.vertical, notches: .min))
    let commands = commands(queue)
    #expect(commands[0].starts(with: [.absolute(.x, 0), .absolute(.y, 32767)]))
    let events = commands.flatMap { $0 }
    func sum(_ axis: InputAxis) -> Int {
      events.reduce(0) { sum, event in
        if case .relative(axis, let steps) = event { sum + steps } else { sum }
      }
    }
    #expect(sum(.x) == 32767)
    #expect(sum(.y) == -32767)
    #expect(events.count { if case .button = $0 { true } else { false } } == 200)
  }

  @Test func fullQueueLosesMotionFirstAndThenStrokes() {
    var queue = queue(.key(a, down: true))
    _ = queue.take()
    for number in 0..<InputQueue.capacity {
      queue.append(.absolute(x: number, y: 0))
      queue.append(.wheel(.vertical, notches: 1))
    }
    for _ in 0..<InputQueue.capacity * 2 {
      queue.append(.key(b, down: true))
      queue.append(.key(b, down: false))
    }
    queue.append(.key(a, down: false))
    #expect(queue.items.count <= InputQueue.capacity)
    let events = commands(queue).flatMap { $0 }
    #expect(events.allSatisfy { if case .key = $0 { true } else { false } })
    #expect(events.last == .key("a", down: false))
  }

  /// Whatever is done, and however often it is taken, refused and overflown: in the end the guest
  /// believes to be down what is.
  @Test func nothingSticks() throws {
    var random = SeededGenerator(seed: 3)
    let keys = Keycode.names.keys.sorted().map(Keycode.init(rawValue:))
    var queue = InputQueue()
    var held: Set<GuestInputEvent> = []
    var guest: Set<GuestInputEvent> = []
    func deliver(_ items: [GuestInputEvent]) throws {
      for item in items {
        guard let press = item.press else { continue }
        // Neither pressed nor released twice.
        try #require(guest.contains(press) != (item == press))
        if item == press { guest.insert(press) } else { guest.remove(press) }
      }
    }
    for _ in 0..<50_000 {
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<12:
        let key = keys[Int.random(in: 0..<keys.count, using: &random)]
        let down = Bool.random(using: &random)
        let press = GuestInputEvent.key(key, down: true)
        let isNews = down ? held.insert(press).inserted : held.remove(press) != nil
        let isAppended = queue.append(.key(key, down: down))
        try #require(isAppended == isNews)
      case 12..<14:
        let down = Bool.random(using: &random)
        let press = GuestInputEvent.button(.left, down: true)
        if down { held.insert(press) } else { held.remove(press) }
        queue.append(.button(.left, down: down))
      case 14..<17:
        queue.append(.absolute(x: 0, y: 0))
      case 17:
        for _ in 0..<Int.random(in: 0..<60, using: &random) { try deliver(queue.take()) }
      case 18:
        queue.putBack(queue.take())
      default:
        guard Int.random(in: 0..<200, using: &random) == 0 else { continue }
        queue.keepReleases()
        // What was pressed in the meantime is not, for the guest.
        held.formIntersection(guest)
      }
      try #require(queue.told == guest)
      try #require(queue.held == held)
      try #require(queue.items.count <= InputQueue.capacity + 2 * keys.count)
    }
    queue.releaseAll()
    while !queue.isEmpty { try deliver(queue.take()) }
    #expect(guest.isEmpty)
  }

  /// A guest that takes no input keeps what it believes to be down, and hears of what has come up.
  @Test func releasesAreKeptAlone() {
    var queue = queue(.key(a, down: true), .key(b, down: true))
    _ = queue.take()
    queue.append(.absolute(x: 1, y: 1))
    queue.append(.key(b, down: false))
    queue.append(.button(.left, down: true))
    queue.keepReleases()
    #expect(commands(queue) == [[.key("b", down: false)]])
    #expect(queue.held == [.key(a, down: true)])
  }

  @Test func guestThatIsLeftHearsReleasesOfWhatItWasTold() {
    var queue = queue(.key(b, down: true), .button(.left, down: true), .key(a, down: true))
    _ = queue.take()
    queue.append(.key(b, down: false))
    queue.append(.button(.right, down: true))
    // The release that waits is lost with the queue; the press that waits was never told.
    #expect(
      queue.reset() == [.key(a, down: false), .key(b, down: false), .button(.left, down: false)])
    #expect(queue.isEmpty && queue.told.isEmpty)
    // The person lets go of the keys afterwards.
    let isNews = queue.append(.key(a, down: false))
    #expect(!isNews)
  }

  @Test func allIsReleasedInOneOrder() {
    var queue = queue(
      .button(.side, down: true), .key(b, down: true), .key(a, down: true), .absolute(x: 1, y: 1))
    queue.releaseAll()
    #expect(
      commands(queue).flatMap { $0 }.suffix(3)
        == [.key("a", down: false), .key("b", down: false), .button(.side, down: false)])
    #expect(queue.held.isEmpty)
  }
}
