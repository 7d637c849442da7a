// SPDX-License-Identifier: Apache-2.0

import CAllocationCount
import DMABuf
import LinuxSystem
import TestSupport
import Testing
import VGPUDisplay

@testable import EGLPresenter

/// What of a window is drawn anew.
@Suite struct WindowHistoryTests {
  private static let placement = Placement(
    guest: PixelSize(width: 40, height: 30), area: PixelSize(width: 40, height: 30), mode: .fit)

  private func rectangle(_ x: Int, _ y: Int, _ width: Int, _ height: Int) -> PixelRectangle {
    PixelRectangle(x: x, y: y, width: width, height: height)
  }

  @Test func aBufferLacksTheFramesSinceItWasShown() {
    var history = WindowHistory()
    let damages = (0..<4).map { Damage(rectangle($0 * 9, 0, 3, 3)) }
    let first = history.add(Self.placement, pointer: nil, damages[0], age: 0)
    #expect(first == WindowHistory.Redraw(changed: nil, lacking: nil), "nothing is known")
    _ = history.add(Self.placement, pointer: nil, damages[1], age: 1)
    _ = history.add(Self.placement, pointer: nil, damages[2], age: 1)
    var three = history
    let redraw = three.add(Self.placement, pointer: nil, damages[3], age: 3)
    #expect(redraw.changed == damages[3])
    var expected = damages[3]
    expected.add(damages[2])
    expected.add(damages[1])
    #expect(redraw.lacking == expected)
    var four = history
    #expect(
      four.add(Self.placement, pointer: nil, damages[3], age: 4).lacking == nil,
      "the first frame changed all")
    var eight = history
    #expect(eight.add(Self.placement, pointer: nil, damages[3], age: 8).lacking == nil)
    #expect(history.add(Self.placement, pointer: nil, damages[3], age: 0).lacking == nil)
  }

  @Test func anotherPlaceIsDrawnWhole() {
    var history = WindowHistory()
    _ = history.add(Self.placement, pointer: nil, nil, age: 1)
    let smaller = Placement(
      guest: Self.placement.guest, area: PixelSize(width: 20, height: 30), mode: .fit)
    #expect(history.add(smaller, pointer: nil, Damage(), age: 1).changed == nil)
    #expect(history.add(smaller, pointer: nil, Damage(), age: 1).changed == Damage())
    #expect(history.add(smaller, pointer: nil, nil, age: 1).changed == nil)
    history.forget()
    #expect(history.add(smaller, pointer: nil, Damage(), age: 1).changed == nil)
  }

  @Test func aPointerChangesWhereItWasAndWhereItIs() {
    var history = WindowHistory()
    let (old, new) = (rectangle(1, 2, 5, 5), rectangle(38, 20, 5, 5))
    _ = history.add(Self.placement, pointer: old, nil, age: 1)
    var expected = Damage(old)
    expected.add(rectangle(38, 20, 2, 5))
    #expect(history.add(Self.placement, pointer: new, Damage(), age: 1).changed == expected)
    #expect(
      history.add(Self.placement, pointer: nil, Damage(), age: 1).changed
        == Damage(rectangle(38, 20, 2, 5)))
    #expect(history.add(Self.placement, pointer: nil, Damage(), age: 1).changed == Damage())
  }
}

/// A guest that tells what changes is drawn in parts, and looks as if it were drawn whole.
@Suite(.serialized, .needs(Machine.egl, if: Machine.hasEGL))
struct PartialDrawingTests {
  /// How a guest shows its pictures.
  enum Ring: CaseIterable { case inPlace, twoBuffers, threeBuffers }

  private static let size = PixelSize(width: 63, height: 47)

  /// Buffers with the same words, and those that are to be seen.
  private final class Guest {
    let pictures: [Picture]
    private(set) var shown = 0
    private var random = SeededGenerator(seed: 3)

    init(_ ring: Ring, isUpsideDown: Bool, margins: Picture.Margins) throws {
      let count =
        switch ring {
        case .inPlace: 1
        case .twoBuffers: 2
        case .threeBuffers: 3
        }
      pictures = try (0..<count).map { _ in
        try Picture(
          .xrgb8888, size.width, size.height, padding: 8, margins: margins,
          isUpsideDown: isUpsideDown)
      }
    }

    /// Draws some rectangles into the next buffer, which then shows the next picture.
    func change() throws -> Damage {
      var words = pictures[shown].words
      var damage = Damage()
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        let area = PixelRectangle(
          x: .random(in: -3..<size.width, using: &random),
          y: .random(in: -3..<size.height, using: &random),
          width: .random(in: 0...20, using: &random), height: .random(in: 0...20, using: &random))
        damage.add(area)
        let part = area.intersection(
          PixelRectangle(x: 0, y: 0, width: size.width, height: size.height))
        for y in part.y..<part.y + part.height {
          for x in part.x..<part.x + part.width {
            words[y * size.width + x] = .random(in: 0...(.max), using: &random)
          }
        }
      }
      shown = (shown + 1) % pictures.count
      try pictures[shown].fill(words)
      return damage
    }

    var picture: Picture { pictures[shown] }
  }

  /// A window of `age` buffers in turn, each with the frame of long ago.
  private final class Window {
    private let buffers: [PixelReadback]
    private var next = 0
    private var frames = 0
    private let size: PixelSize

    init(_ size: PixelSize, buffers: Int, _ context: RenderContext) throws {
      self.size = size
      self.buffers = try (0..<buffers).map { _ in try PixelReadback(size, context) }
    }

    var age: Int { frames >= buffers.count ? buffers.count : 0 }

    func draw(_ body: (RenderTarget) throws -> Void) throws -> [UInt8] {
      let buffer = buffers[next]
      next = (next + 1) % buffers.count
      frames += 1
      buffer.bind()
      try body(RenderTarget(size: size, isTopDown: true))
      return buffer.read()
    }
  }

  @Test(arguments: Ring.allCases, [false, true])
  func partsLookLikeTheWhole(ring: Ring, uploads: Bool) throws {
    for (area, mode) in [
      (Self.size, ScalingMode.fit), (PixelSize(width: 126, height: 94), .fit),
      (PixelSize(width: 101, height: 99), .fit), (PixelSize(width: 40, height: 21), .fit),
      (PixelSize(width: 30, height: 60), .oneToOne), (PixelSize(width: 150, height: 40), .fill),
    ] {
      for age in 1...3 {
        try expectParts(ring, uploads, area, mode, age: age, isUpsideDown: age == 2)
      }
    }
  }

  private func expectParts(
    _ ring: Ring, _ uploads: Bool, _ area: PixelSize, _ mode: ScalingMode, age: Int,
    isUpsideDown: Bool
  ) throws {
    let context = try RenderContext(.surfaceless)
    let renderer = try FrameRenderer(context, alwaysUploads: uploads)
    let whole = try FrameRenderer(context, alwaysUploads: uploads)
    let guest = try Guest(
      ring, isUpsideDown: isUpsideDown,
      margins: isUpsideDown ? Picture.Margins(left: 1, top: 2, right: 3, bottom: 4) : .init())
    let pointer = try Picture(.argb8888, 9, 7)
    try pointer.fill([UInt32](repeating: 0x8040_2010, count: 63))
    let window = try Window(area, buffers: age, context)
    let placement = Placement(guest: Self.size, area: area, mode: mode)
    var history = WindowHistory()
    for number in 0..<12 {
      let damage = try guest.change()
      // The pointer moves, rests and goes.
      let cursor =
        number % 4 == 3
        ? nil : Cursor(buffer: pointer.buffer, x: number / 2 * 7 - 4, y: number * 3, hotspot: nil)
      let frame = guest.picture.frame(cursor: cursor, flip: UInt64(number))
      let seen = try window.draw { target in
        let redraw = history.add(
          placement, pointer: cursor.map { placement.rectangle(of: $0) },
          number == 0 ? nil : damage, age: window.age)
        try renderer.draw(
          frame, placement, on: target, within: redraw.lacking,
          copying: number == 0 ? nil : damage)
      }
      let expected = try whole.pixels(of: frame, area: area, mode: mode).rgba
      #expect(
        difference(seen, expected, width: area.width) == nil,
        "\(ring), \(area), \(mode), age \(age), frame \(number)")
    }
  }

  /// Copying in parts allocates nothing either.
  @Test(.enabled(if: allocations_are_counted() != 0, "the sanitizers' allocator is not counted"))
  func copiesPartsWithoutAllocating() throws {
    let renderer = try FrameRenderer(RenderContext(.surfaceless), alwaysUploads: true)
    let guest = try Guest(.twoBuffers, isUpsideDown: false, margins: .init())
    let placement = Placement(guest: Self.size, area: Self.size, mode: .fit)
    let readback = try PixelReadback(Self.size, renderer.context)
    readback.bind()
    let target = RenderTarget(size: Self.size, isTopDown: true)
    var history = WindowHistory()
    let frame = guest.picture.frame()
    let damage = Damage(PixelRectangle(x: 5, y: 6, width: 7, height: 8))
    func draw() throws {
      let redraw = history.add(placement, pointer: nil, damage, age: 2)
      try renderer.draw(frame, placement, on: target, within: redraw.lacking, copying: damage)
    }
    for _ in 0..<8 { try draw() }
    let before = swift_allocation_count()
    for _ in 0..<1000 { try draw() }
    #expect(swift_allocation_count() - before == 0)
  }
}
