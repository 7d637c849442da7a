// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import GuestInput
import LinuxSystem
import VGPUDisplay

/// Gives a guest what a person does at the seat of the screen that shows it.
///
/// Ctrl+Alt+Backspace ends the viewer; everything else is the guest's.
final class ScreenInput {
  /// The picture's place on the screen; `nil` while there is none.
  var picture: Placement?
  /// When the guest was told something last; CLOCK_MONOTONIC.
  private(set) var last = MonotonicInstant(nanoseconds: 0)
  /// The number of events that the guest got.
  private(set) var count = 0

  private let devices: SeatDevices
  private let guest: any InputSink
  /// The pointer on the screen, in pixels; `nil` before it was moved.
  private var pointer: (x: Double, y: Double)?
  private var wheel = (x: FractionCounter(), y: FractionCounter())
  private var motion = (x: FractionCounter(), y: FractionCounter())
  private var touches = TouchSlots()
  /// The finger that is the pointer of a guest without a touch screen.
  private var pointing: Int32?
  /// The keys Ctrl and Alt that are down.
  private var modifiers: Set<Keycode> = []

  private static let controls: Set = [Keycode(rawValue: 29), Keycode(rawValue: 97)]
  private static let alts: Set = [Keycode(rawValue: 56), Keycode(rawValue: 100)]
  private static let backspace = Keycode(rawValue: 14)

  init(_ devices: SeatDevices, for guest: any InputSink) {
    self.devices = devices
    self.guest = guest
  }

  /// The descriptor, borrowed: it is readable when `read` has something.
  var descriptor: Int32 { devices.descriptor }

  /// Takes the seat's devices.
  ///
  /// - Throws: `SystemCallError` when there is none that may be taken.
  func turnOn() throws(SystemCallError) { try devices.turnOn() }

  /// Gives the devices back, and lets go of what is pressed.
  func turnOff() {
    devices.turnOff()
    releaseAll()
  }

  /// Gives the guest what happened since the last call. It does not wait.
  ///
  /// - Returns: whether the person ends the viewer.
  func read() -> Bool {
    var ends = false
    devices.read { if take($0) { ends = true } }
    return ends
  }

  private func releaseAll() {
    touches = TouchSlots()
    pointing = nil
    modifiers = []
    guest.releaseAll()
  }

  private func send(_ event: GuestInputEvent) {
    guard guest.send(event) == .taken else { return }
    count += 1
    last = .now
  }

  private var devicesOfGuest: InputDevices {
    if case .ready(let devices) = guest.state { devices } else { [] }
  }

  /// - Returns: whether the person ends the viewer.
  func take(_ event: SeatEvent) -> Bool {
    switch event {
    case .key(let key, let isDown): return take(key, isDown)
    case .button(let button, let isDown):
      if isDown { point() }
      send(.button(button, down: isDown))
    case .motion(let dx, let dy, let steps):
      if devicesOfGuest.contains(.tablet) {
        move(byX: dx, y: dy)
      } else {
        let steps = (x: motion.x.steps(adding: steps.x), y: motion.y.steps(adding: steps.y))
        if steps != (0, 0) { send(.relative(dx: steps.x, dy: steps.y)) }
      }
    case .place(let x, let y): move(toX: x, y: y)
    case .wheel(.vertical, let notches):
      let notches = wheel.y.steps(adding: notches)
      if notches != 0 { send(.wheel(.vertical, notches: notches)) }
    case .wheel(.horizontal, let notches):
      let notches = wheel.x.steps(adding: notches)
      if notches != 0 { send(.wheel(.horizontal, notches: notches)) }
    case .touch(let finger, let x, let y, let isDown): touch(finger, x, y, isDown)
    case .touchEnd(let finger): touchEnded(finger)
    }
    return false
  }

  private func take(_ key: Keycode, _ isDown: Bool) -> Bool {
    if Self.controls.contains(key) || Self.alts.contains(key) {
      if isDown { modifiers.insert(key) } else { modifiers.remove(key) }
    }
    if key == Self.backspace, isDown, !modifiers.isDisjoint(with: Self.controls),
      !modifiers.isDisjoint(with: Self.alts)
    {
      releaseAll()
      return true
    }
    send(.key(key, down: isDown))
    return false
  }

  // MARK: Pointer

  /// Moves the pointer, at most to the picture's edges: a person would lose it beyond.
  private func move(byX dx: Double, y dy: Double) {
    guard let picture else { return }
    let part = picture.visible
    let old =
      pointer
      ?? (Double(part.x) + Double(part.width) / 2, Double(part.y) + Double(part.height) / 2)
    func clamp(_ place: Double, _ start: Int, _ length: Int) -> Double {
      min(max(place, Double(start) + 0.5), Double(start + max(1, length)) - 0.5)
    }
    pointer = (clamp(old.x + dx, part.x, part.width), clamp(old.y + dy, part.y, part.height))
    point()
  }

  /// - Parameters: parts of the screen.
  private func move(toX x: Double, y: Double) {
    guard let picture else { return }
    pointer = (x * Double(picture.area.width), y * Double(picture.area.height))
    point()
  }

  /// Tells the guest the pointer's place.
  private func point() {
    guard let pointer, devicesOfGuest.contains(.tablet), let place = place(pointer.x, pointer.y)
    else { return }
    send(.absolute(x: place.x, y: place.y))
  }

  private func place(_ x: Double, _ y: Double) -> (x: Int, y: Int)? {
    picture?.position(atX: x, y: y, maximum: GuestInputEvent.absoluteMaximum)
  }

  // MARK: Touch

  private func touch(_ finger: Int32, _ x: Double, _ y: Double, _ isDown: Bool) {
    guard let picture else { return }
    let number = UInt(UInt32(bitPattern: finger))
    guard devicesOfGuest.contains(.touchScreen) else {
      if isDown, pointing == nil { pointing = finger }
      guard pointing == finger else { return }
      move(toX: x, y: y)
      if isDown { send(.button(.left, down: true)) }
      return
    }
    guard let place = place(x * Double(picture.area.width), y * Double(picture.area.height)) else {
      return
    }
    if isDown {
      for event in touches.begin(number, x: place.x, y: place.y) { send(event) }
    } else if let slot = touches.slot(of: number) {
      send(.touchMove(slot: slot, x: place.x, y: place.y))
    }
  }

  private func touchEnded(_ finger: Int32) {
    if pointing == finger {
      pointing = nil
      send(.button(.left, down: false))
    }
    if let event = touches.end(UInt(UInt32(bitPattern: finger))) { send(event) }
  }
}
