// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import GuestInput

/// Passes a person's actions over a view to its guest: keys by their place, the pointer by its
/// place on the guest's screen or, with a grab, by its motion.
@MainActor
final class ViewInput: PointerLockMotion {
  /// Tells the guest, and knows the keys and buttons that are down; `nil` for a view without input.
  var guest: (any InputSink)? {
    didSet {
      if oldValue !== guest { oldValue?.releaseAll() }
      followPointer()
    }
  }
  /// Called when a grab begins or ends.
  var onGrab: (@MainActor () -> Void)?
  /// Called after the guest was told something.
  var onSend: (@MainActor () -> Void)?
  /// Called when the guest begins or ceases to get the pointer's place.
  var onPointer: (@MainActor (Bool) -> Void)?
  private var isAbsolute = false
  /// The place of the guest's picture.
  var placement: Placement? { didSet { followPointer() } }
  /// The device pixels that the placement is in.
  var space = PixelSpace()
  /// The number of events that the guest got.
  private(set) var count = 0
  private let widget: UnsafeMutablePointer<GtkWidget>
  /// Whether the widget's signals are connected.
  var promptMotion: PromptMotion?
  private var grab: InputGrab?
  /// Whether the grab began only because the guest has no absolute pointer, without a user's wish.
  private var isGrabByClick = false
  private var across = (wheel: FractionCounter(), motion: FractionCounter())
  private var down = (wheel: FractionCounter(), motion: FractionCounter())

  init(_ widget: UnsafeMutablePointer<GtkWidget>) { self.widget = widget }

  /// Whether keyboard and mouse belong to the guest.
  var isGrabbed: Bool { grab != nil }

  /// The guest's input devices; `nil` while it takes no input.
  private var devices: InputDevices? {
    if case .ready(let devices)? = guest?.state { devices } else { nil }
  }

  /// - Returns: whether the event was for the guest.
  @discardableResult
  private func send(_ event: GuestInputEvent) -> Bool {
    guard let receipt = guest?.send(event) else { return false }
    if receipt == .taken {
      count += 1
      onSend?()
    }
    return receipt != .refused
  }

  // MARK: Keyboard

  /// The way to take the guest's screen back from another program.
  var takeBack: TakeBackOffer?

  /// A key's change.
  ///
  /// - Returns: whether the change was for the guest, or has taken the guest's screen back.
  func key(_ key: Keycode, down: Bool) -> Bool {
    if key == swallowed {
      // Autorepeat of the key that took the screen back is not for the guest.
      if !down { swallowed = nil }
      return true
    }
    if down, Self.enter.contains(key), let takeBack, takeBack.isDue() {
      takeBack.accept()
      swallowed = key
      return true
    }
    return send(.key(key, down: down))
  }

  /// The key that took the screen back, until it comes up.
  private var swallowed: Keycode?

  /// KEY_ENTER, KEY_KPENTER.
  private static let enter = [Keycode(rawValue: 28), Keycode(rawValue: 96)]

  /// Presses keys one after the other and lets them go in the reverse order.
  func press(_ chord: [Keycode]) {
    for key in chord { send(.key(key, down: true)) }
    for key in chord.reversed() { send(.key(key, down: false)) }
  }

  /// Releases all keys and buttons that are down, because the focus goes elsewhere and another
  /// window will see their releases.
  func releaseAll() {
    touches = TouchSlots()
    guest?.releaseAll()
  }

  // MARK: Grab

  /// Begins or ends a grab.
  func toggleGrab() {
    if grab == nil { beginGrab() } else { endGrab() }
  }

  private func beginGrab(byClick: Bool = false) {
    guard grab == nil, devices != nil else { return }
    isGrabByClick = byClick
    releaseAll()
    across.motion.reset()
    down.motion.reset()
    grab = InputGrab(widget, self) { [unowned self] in endGrab() }
    if grab == nil { gdk_window_beep(gtk_widget_get_window(widget)) }
    followPointer()
    onGrab?()
  }

  /// Ends a grab, if there is one.
  func endGrab() {
    releaseAll()
    guard let grab else { return }
    self.grab = nil
    grab.end()
    followPointer()
    onGrab?()
  }

  // MARK: Pointer

  /// A button's change over the widget.
  func button(_ button: PointerButton, down: Bool, x: Double, y: Double) {
    if down { gtk_widget_grab_focus(widget) }
    // The guest gets a release only for a press that it got.
    guard down else {
      send(.button(button, down: false))
      return
    }
    guard let devices else { return }
    // A guest without a tablet gets the mouse only during a grab.
    if grab == nil, !devices.contains(.tablet) {
      if devices.contains(.mouse) { beginGrab(byClick: true) }
      return
    }
    moved(toX: x, y: y)
    send(.button(button, down: true))
  }

  /// Looks whether the guest gets the pointer's place now. A guest's devices come and go without a word.
  private func followPointer() {
    let isAbsolute = grab == nil && devices?.contains(.tablet) == true
    guard isAbsolute != self.isAbsolute else { return }
    self.isAbsolute = isAbsolute
    onPointer?(isAbsolute)
  }

  /// The pointer's place in the widget's own units.
  func moved(toX x: Double, y: Double) {
    followPointer()
    if let lock = grab?.lock {
      lock.moved(toX: x, y: y)
      return
    }
    guard devices?.contains(.tablet) == true, let place = place(x, y) else { return }
    send(.absolute(x: place.x, y: place.y))
  }

  /// The guest's place below a place in the widget's own units: the middle of the device pixel there.
  private func place(_ x: Double, _ y: Double) -> (x: Int, y: Int)? {
    guard let placement else { return nil }
    let pixel = space.pixel(x, y)
    return placement.position(
      atX: pixel.x + 0.5, y: pixel.y + 0.5, maximum: GuestInputEvent.absoluteMaximum)
  }

  func moved(dx: Double, dy: Double) {
    // At the time of the click, the guest had no tablet yet.
    if isGrabByClick, devices?.contains(.tablet) == true {
      endGrab()
      return
    }
    let steps = (x: across.motion.steps(adding: dx), y: down.motion.steps(adding: dy))
    if steps != (0, 0) { send(.relative(dx: steps.x, dy: steps.y)) }
  }

  // MARK: Touch

  private var touches = TouchSlots()

  /// A finger touches the widget.
  ///
  /// - Returns: whether the touch was for the guest: it has a touch screen.
  func touched(by finger: UInt, x: Double, y: Double) -> Bool {
    guard grab == nil, devices?.contains(.touchScreen) == true, let place = place(x, y) else {
      return false
    }
    gtk_widget_grab_focus(widget)
    for event in touches.begin(finger, x: place.x, y: place.y) { send(event) }
    return true
  }

  /// A finger moves.
  ///
  /// - Returns: whether the guest was told of the finger.
  func touchMoved(of finger: UInt, x: Double, y: Double) -> Bool {
    guard let slot = touches.slot(of: finger) else { return false }
    if let place = place(x, y) { send(.touchMove(slot: slot, x: place.x, y: place.y)) }
    return true
  }

  /// A finger leaves the widget's screen.
  ///
  /// - Returns: whether the guest was told of the finger.
  func touchEnded(of finger: UInt) -> Bool {
    guard let event = touches.end(finger) else { return false }
    send(event)
    return true
  }

  // MARK: Wheel

  /// Scrolling to the right and down, in notches or fractions of a notch.
  ///
  /// - Returns: whether the guest scrolls; else a scrolled window around the view can.
  func scrolled(dx: Double, dy: Double) -> Bool {
    guard devices != nil else { return false }
    let notches = (x: across.wheel.steps(adding: dx), y: down.wheel.steps(adding: dy))
    if notches.y != 0 { send(.wheel(.vertical, notches: notches.y)) }
    if notches.x != 0 { send(.wheel(.horizontal, notches: notches.x)) }
    return true
  }
}
