// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

@Suite struct DamageTests {
  private static func rectangle(_ x: Int, _ y: Int, _ width: Int, _ height: Int) -> PixelRectangle {
    PixelRectangle(x: x, y: y, width: width, height: height)
  }

  private static func covers(_ damage: Damage, x: Int, y: Int) -> Bool {
    (0..<damage.count).contains { damage[$0].contains(rectangle(x, y, 1, 1)) }
  }

  @Test func aFewRectanglesAreKeptAsTheyAre() {
    var damage = Damage()
    #expect(damage.isEmpty)
    for index in 0..<Damage.capacity { damage.add(Self.rectangle(index * 100, 0, 10, 10)) }
    #expect(damage.count == Damage.capacity)
    #expect((0..<Damage.capacity).allSatisfy { damage[$0] == Self.rectangle($0 * 100, 0, 10, 10) })
    damage.add(Self.rectangle(1, 1, 3, 3))
    #expect(damage.count == Damage.capacity, "what lies within another adds nothing")
    damage.add(Self.rectangle(-5, -5, 1000, 1000))
    #expect(damage.count == 1, "and what holds all replaces it")
    damage.add(Self.rectangle(5, 5, 0, 7))
    damage.add(Self.rectangle(5, 5, 7, -1))
    #expect(damage == Damage(Self.rectangle(-5, -5, 1000, 1000)))
  }

  @Test func whatDoesNotFitIsJoinedToWhatIsNearest() {
    var damage = Damage()
    for x in [0, 100, 200, 300] { damage.add(Self.rectangle(x, 0, 10, 10)) }
    damage.add(Self.rectangle(305, 12, 10, 4))
    #expect(damage.count == 4)
    #expect((0..<4).contains { damage[$0] == Self.rectangle(300, 0, 15, 16) })
  }

  @Test(arguments: 1...20) func noPixelIsEverLost(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var damage = Damage()
    var added: [PixelRectangle] = []
    for _ in 0..<30 {
      let rectangle = Self.rectangle(
        Int.random(in: 0..<60, using: &random), Int.random(in: 0..<60, using: &random),
        Int.random(in: 0..<20, using: &random), Int.random(in: 0..<20, using: &random))
      added.append(rectangle)
      damage.add(rectangle)
      #expect(damage.count <= Damage.capacity)
      let lost = added.filter { one in
        one.width > 0 && one.height > 0 && !(0..<damage.count).contains { damage[$0].contains(one) }
      }
      #expect(lost.isEmpty)
    }
  }

  @Test func numbersWithoutMeasureAreTheLargest() {
    var damage = Damage(Self.rectangle(.max, .min, .max, .max))
    damage.add(Self.rectangle(.min, .min, .max, .max))
    damage.add(Self.rectangle(-1, -1, .max, .max))
    for x in [1, 3, 5, 7, 9] { damage.add(Self.rectangle(x, -3, 1, 1)) }
    let clipped = damage.clipped(to: Self.rectangle(0, 0, 64, 48))
    #expect(clipped == Damage(Self.rectangle(0, 0, 64, 48)))
  }

  @Test(arguments: TestPattern.Live.allCases, [(64, 48), (20, 5), (640, 480)])
  func aGuestThatTellsTellsOfEveryPixelThatChanges(
    live: TestPattern.Live, size: (Int, Int)
  ) throws {
    let pattern = TestPattern(width: size.0, height: size.1, live: live)
    var time: UInt64 = 1_000_000
    let source = DisplaySource(
      try SyntheticGuest(
        pattern: pattern, framesPerSecond: 60, tells: true,
        clock: { MonotonicInstant(nanoseconds: time) }))
    var before: Picture?
    for frame in [UInt64(0), 1, 1, 2, 5, 300] {
      time = 1_000_000 + frame * 1_000_000_000 / 60 + 1
      guard case .frame(let shown) = source.poll() else {
        Issue.record("no picture")
        return
      }
      let damage = try #require(source.takeDamage())
      #expect(shown.revision == frame)
      let picture = try Picture(copying: shown.primary)
      guard let last = before else {
        #expect(damage == Damage(Self.rectangle(0, 0, size.0, size.1)))
        before = picture
        continue
      }
      var untold = 0
      for y in 0..<size.1 {
        for x in 0..<size.0 where picture.color(x: x, y: y) != last.color(x: x, y: y) {
          if !Self.covers(damage, x: x, y: y) { untold += 1 }
        }
      }
      #expect(untold == 0)
      #expect(damage.isEmpty == (picture == last))
      before = picture
    }
  }

  @Test func aGuestThatIsAskedTellsNothing() throws {
    let source = DisplaySource(try SyntheticGuest(pattern: TestPattern(width: 64, height: 48)))
    #expect(source.eventDescriptor == nil)
    guard case .frame(let frame) = source.poll() else {
      Issue.record("no picture")
      return
    }
    #expect(frame.revision == nil && source.takeDamage() == nil)
  }
}
