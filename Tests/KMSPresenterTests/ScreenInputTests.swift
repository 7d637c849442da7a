// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import GuestInput
import Synchronization
import TestSupport
import Testing
import VGPUDisplay

@testable import KMSPresenter

/// A guest that notes what it is told.
private final class NotingGuest: InputSink {
  let state: GuestInputState
  private let notes = Mutex<[GuestInputEvent]>([])
  private let releases = Mutex(0)

  init(_ devices: InputDevices) { state = .ready(devices) }

  func changes() -> AsyncStream<Void> { AsyncStream { $0.finish() } }

  func send(_ event: GuestInputEvent) -> InputReceipt {
    notes.withLock { $0.append(event) }
    return .taken
  }

  func releaseAll() { releases.withLock { $0 += 1 } }

  var released: Int { releases.withLock(\.self) }

  /// What came since the last call.
  func take() -> [GuestInputEvent] {
    notes.withLock { notes in
      defer { notes = [] }
      return notes
    }
  }
}

/// What a person does at a seat, as the guest is told of it.
@Suite struct ScreenInputTests {
  private let left = Keycode(rawValue: 29)
  private let alt = Keycode(rawValue: 100)
  private let backspace = Keycode(rawValue: 14)
  /// A guest of 320x240 in the middle of a screen of 640x480.
  private let placement = Placement(
    guest: PixelSize(width: 320, height: 240), area: PixelSize(width: 640, height: 480),
    mode: .oneToOne)

  private func input(for guest: NotingGuest) throws -> ScreenInput {
    let input = ScreenInput(try SeatDevices(), for: guest)
    input.picture = placement
    return input
  }

  /// The place of the middle of a pixel of the guest's.
  private func middle(_ x: Int, _ y: Int) -> GuestInputEvent {
    .absolute(x: (2 * x + 1) * 0x8000 / 640, y: (2 * y + 1) * 0x8000 / 480)
  }

  @Test func keysAndButtonsAreTheGuests() throws {
    let guest = NotingGuest([.keyboard, .mouse])
    let input = try input(for: guest)
    for event in [
      SeatEvent.key(left, down: true), .key(backspace, down: true), .key(backspace, down: false),
      .key(left, down: false), .button(.extra, down: true), .button(.extra, down: false),
    ] {
      #expect(!input.take(event))
    }
    #expect(
      guest.take() == [
        .key(left, down: true), .key(backspace, down: true), .key(backspace, down: false),
        .key(left, down: false), .button(.extra, down: true), .button(.extra, down: false),
      ])
    #expect(input.count == 6)
    #expect(guest.released == 0)
  }

  @Test func controlAltBackspaceEnds() throws {
    let guest = NotingGuest([.keyboard, .mouse])
    let input = try input(for: guest)
    #expect(!input.take(.key(left, down: true)))
    #expect(!input.take(.key(alt, down: true)))
    _ = guest.take()
    #expect(input.take(.key(backspace, down: true)))
    // The guest is not told of it, and nothing stays pressed there.
    #expect(guest.take() == [])
    #expect(guest.released == 1)
  }

  @Test func pointerStaysOnThePicture() throws {
    let guest = NotingGuest([.keyboard, .mouse, .tablet])
    let input = try input(for: guest)
    // It begins in the middle, and the device's own steps do not count.
    #expect(!input.take(.motion(dx: 10.5, dy: -20.5, steps: (1, 1))))
    #expect(guest.take() == [middle(170, 99)])
    _ = input.take(.motion(dx: -1e9, dy: 1e9, steps: (0, 0)))
    #expect(guest.take() == [middle(0, 239)])
    // A button comes with the place.
    _ = input.take(.button(.left, down: true))
    #expect(guest.take() == [middle(0, 239), .button(.left, down: true)])
  }

  @Test func placesOfTheScreenAreThoseOfThePicture() throws {
    let guest = NotingGuest([.keyboard, .mouse, .tablet])
    let input = try input(for: guest)
    _ = input.take(.place(x: (160 + 7.5) / 640, y: (120 + 9.5) / 480))
    #expect(guest.take() == [middle(7, 9)])
    // Beside the picture it is at its edge.
    _ = input.take(.place(x: 1, y: 0))
    #expect(guest.take() == [.absolute(x: 0x7FFF, y: 0)])
    // Without a picture there is no place.
    input.picture = nil
    _ = input.take(.place(x: 0.5, y: 0.5))
    #expect(guest.take() == [])
  }

  @Test func mouseTellsItsSteps() throws {
    let guest = NotingGuest([.keyboard, .mouse])
    let input = try input(for: guest)
    for _ in 0..<4 { _ = input.take(.motion(dx: 9, dy: 9, steps: (0.5, -1.25))) }
    #expect(
      guest.take() == [
        .relative(dx: 0, dy: -1), .relative(dx: 1, dy: -1), .relative(dx: 0, dy: -1),
        .relative(dx: 1, dy: -2),
      ])
    _ = input.take(.motion(dx: 0, dy: 0, steps: (.nan, .infinity)))
    #expect(guest.take() == [])
  }

  @Test func wheelsTurnByNotches() throws {
    let guest = NotingGuest([.keyboard, .mouse])
    let input = try input(for: guest)
    for _ in 0..<3 { _ = input.take(.wheel(.vertical, notches: 0.5)) }
    _ = input.take(.wheel(.horizontal, notches: -2))
    #expect(guest.take() == [.wheel(.vertical, notches: 1), .wheel(.horizontal, notches: -2)])
  }

  @Test func fingersHaveSlots() throws {
    let guest = NotingGuest([.keyboard, .mouse, .tablet, .touchScreen])
    let input = try input(for: guest)
    _ = input.take(.touch(finger: 5, x: 0.25, y: 0.25, isDown: true))
    _ = input.take(.touch(finger: -1, x: 0.75, y: 0.75, isDown: true))
    _ = input.take(.touch(finger: 5, x: 0.5, y: 0.5, isDown: false))
    _ = input.take(.touch(finger: 6, x: 0.5, y: 0.5, isDown: false))
    _ = input.take(.touchEnd(finger: 5))
    _ = input.take(.touchEnd(finger: 5))
    #expect(
      guest.take() == [
        .touchDown(slot: 0, x: 0, y: 0), .touchDown(slot: 1, x: 0x7FFF, y: 0x7FFF),
        .touchMove(slot: 0, x: 0x4000, y: 0x4000), .touchUp(slot: 0),
      ])
  }

  @Test func aFingerIsThePointerOfAGuestWithoutATouchScreen() throws {
    let guest = NotingGuest([.keyboard, .mouse, .tablet])
    let input = try input(for: guest)
    _ = input.take(.touch(finger: 1, x: 0.5, y: 0.5, isDown: true))
    _ = input.take(.touch(finger: 2, x: 0.25, y: 0.25, isDown: true))
    _ = input.take(.touch(finger: 1, x: 0.25, y: 0.5, isDown: false))
    _ = input.take(.touchEnd(finger: 2))
    _ = input.take(.touchEnd(finger: 1))
    #expect(
      guest.take() == [
        .absolute(x: 0x4000, y: 0x4000), .button(.left, down: true), .absolute(x: 0, y: 0x4000),
        .button(.left, down: false),
      ])
  }
}
