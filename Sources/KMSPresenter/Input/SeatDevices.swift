// SPDX-License-Identifier: Apache-2.0

import CInput
import Glibc
import GuestInput
import LinuxSystem
import SystemPackage

/// The keyboards, pointers and touch screens of a seat (libinput), those that are plugged in later too.
///
/// While it is on, they are its own alone (EVIOCGRAB): neither the kernel's console nor another program is
/// told what is typed. The kernel ends that with the process, however it ends.
///
/// It belongs to one thread.
final class SeatDevices {
  private let seat: String
  private let context: OpaquePointer
  private let interface: UnsafeMutablePointer<libinput_interface>
  private let refusals: Refusals
  private var isOn = false
  private var hasSeat = false
  private var count = 0

  /// The devices that could not be opened.
  private final class Refusals {
    var last: (path: String, errno: Int32)?
  }

  /// - Parameter seat: its name, as udev has it (ID_SEAT).
  /// - Throws: `SystemCallError` when udev or libinput cannot be used.
  init(seat: String = "seat0") throws(SystemCallError) {
    self.seat = seat
    let refusals = Refusals()
    let interface = UnsafeMutablePointer<libinput_interface>.allocate(capacity: 1)
    interface.initialize(
      to: libinput_interface(
        open_restricted: { path, flags, data in
          guard let path, let data else { return -EINVAL }
          let answer = vgpu_input_open(path, flags)
          // That one is the host's own.
          if answer < 0, answer != -ENODEV {
            Unmanaged<Refusals>.fromOpaque(data).takeUnretainedValue().last = (
              String(cString: path), -answer
            )
          }
          return answer
        }, close_restricted: { fd, _ in _ = close(fd) }))
    let udev = udev_new()
    // libinput has a reference of its own.
    defer { udev_unref(udev) }
    let made = udev.flatMap {
      libinput_udev_create_context(interface, Unmanaged.passUnretained(refusals).toOpaque(), $0)
    }
    guard let made else {
      interface.deallocate()
      throw SystemCallError(
        call: "libinput_udev_create_context", object: seat, errno: .noMemory, remedy: nil)
    }
    self.refusals = refusals
    self.interface = interface
    context = made
    // A viewer tells what it has to tell itself.
    libinput_log_set_handler(context, nil)
  }

  deinit {
    libinput_unref(context)
    interface.deallocate()
  }

  /// The descriptor, borrowed: it is readable when `read` has something.
  var descriptor: Int32 { libinput_get_fd(context) }

  /// Takes the devices.
  ///
  /// - Throws: `SystemCallError` when there is none that may be taken. Those that come later are taken all
  ///   the same.
  func turnOn() throws(SystemCallError) {
    guard !isOn else { return }
    isOn = true
    let answer = hasSeat ? libinput_resume(context) : libinput_udev_assign_seat(context, seat)
    hasSeat = true
    // The devices that are there are told of first.
    var early: [SeatEvent] = []
    read { early.append($0) }
    guard count == 0 else { return }
    if let (path, errno) = refusals.last {
      throw SystemCallError(
        call: "open", object: path, errno: Errno(rawValue: errno),
        remedy: errno == EBUSY
          ? "another program has it for itself; end that program"
          : "run this as root, or join group input (usermod -aG input NAME) and log in again")
    }
    throw SystemCallError(
      call: "libinput", object: seat, errno: answer == 0 ? .noSuchFileOrDirectory : .ioError,
      remedy: "no keyboard or pointer is known to udev; plug one in, or start systemd-udevd")
  }

  /// Gives the devices back.
  func turnOff() {
    guard isOn else { return }
    isOn = false
    libinput_suspend(context)
    read { _ in }
  }

  /// Tells what happened since the last call. It does not wait.
  func read(_ take: (SeatEvent) -> Void) {
    guard libinput_dispatch(context) == 0 else { return }
    while let event = libinput_get_event(context) {
      defer { libinput_event_destroy(event) }
      switch libinput_event_get_type(event) {
      case LIBINPUT_EVENT_DEVICE_ADDED: count += 1
      case LIBINPUT_EVENT_DEVICE_REMOVED: count -= 1
      default: for one in SeatEvent.all(event) { take(one) }
      }
    }
  }
}

/// What a person does at a seat.
enum SeatEvent {
  case key(Keycode, down: Bool)
  case button(PointerButton, down: Bool)
  /// A pointer moves: as a desktop would move its own pointer, in pixels, and in the device's own steps.
  case motion(dx: Double, dy: Double, steps: (x: Double, y: Double))
  /// A pointer is at a place, in parts of the screen from 0 to 1.
  case place(x: Double, y: Double)
  /// A wheel turns, or fingers scroll; down and right are positive.
  case wheel(WheelAxis, notches: Double)
  /// A finger touches, or moves, at a place in parts of the screen.
  case touch(finger: Int32, x: Double, y: Double, isDown: Bool)
  case touchEnd(finger: Int32)

  /// The finger's path that counts as a notch, in libinput's units: pixels as those of a pointer. libinput's
  /// documentation says that a wheel's 15 degrees are comparable.
  private static let notch = 15.0

  fileprivate static func all(_ event: OpaquePointer) -> [SeatEvent] {
    switch libinput_event_get_type(event) {
    case LIBINPUT_EVENT_KEYBOARD_KEY:
      let key = libinput_event_get_keyboard_event(event)
      guard let code = UInt16(exactly: libinput_event_keyboard_get_key(key)) else { return [] }
      return [
        .key(
          Keycode(rawValue: code),
          down: libinput_event_keyboard_get_key_state(key) == LIBINPUT_KEY_STATE_PRESSED)
      ]
    case LIBINPUT_EVENT_POINTER_BUTTON:
      let pointer = libinput_event_get_pointer_event(event)
      guard let button = PointerButton(code: libinput_event_pointer_get_button(pointer)) else {
        return []
      }
      return [
        .button(
          button,
          down: libinput_event_pointer_get_button_state(pointer) == LIBINPUT_BUTTON_STATE_PRESSED)
      ]
    case LIBINPUT_EVENT_POINTER_MOTION:
      let pointer = libinput_event_get_pointer_event(event)
      return [
        .motion(
          dx: libinput_event_pointer_get_dx(pointer), dy: libinput_event_pointer_get_dy(pointer),
          steps: (
            libinput_event_pointer_get_dx_unaccelerated(pointer),
            libinput_event_pointer_get_dy_unaccelerated(pointer)
          ))
      ]
    case LIBINPUT_EVENT_POINTER_MOTION_ABSOLUTE:
      let pointer = libinput_event_get_pointer_event(event)
      return [
        .place(
          x: libinput_event_pointer_get_absolute_x_transformed(pointer, Self.parts) / Double(parts),
          y: libinput_event_pointer_get_absolute_y_transformed(pointer, Self.parts) / Double(parts))
      ]
    case LIBINPUT_EVENT_POINTER_SCROLL_WHEEL:
      // 120 is a notch, also of wheels that tell fractions.
      return scrolls(event) {
        libinput_event_pointer_get_scroll_value_v120($0, $1) / 120
      }
    case LIBINPUT_EVENT_POINTER_SCROLL_FINGER, LIBINPUT_EVENT_POINTER_SCROLL_CONTINUOUS:
      return scrolls(event) { libinput_event_pointer_get_scroll_value($0, $1) / notch }
    case LIBINPUT_EVENT_TOUCH_DOWN: return touch(event, isDown: true)
    case LIBINPUT_EVENT_TOUCH_MOTION: return touch(event, isDown: false)
    case LIBINPUT_EVENT_TOUCH_UP, LIBINPUT_EVENT_TOUCH_CANCEL:
      return [
        .touchEnd(
          finger: libinput_event_touch_get_seat_slot(libinput_event_get_touch_event(event)))
      ]
    // The old form of scrolling, which comes beside the new ones, and what guests have no device for.
    default: return []
    }
  }

  /// A screen's side for libinput, which counts places in pixels.
  private static let parts: UInt32 = 1 << 20

  private static func scrolls(
    _ event: OpaquePointer,
    _ notches: (_ pointer: OpaquePointer?, _ axis: libinput_pointer_axis) -> Double
  ) -> [SeatEvent] {
    let pointer = libinput_event_get_pointer_event(event)
    let axes: [(libinput_pointer_axis, WheelAxis)] = [
      (LIBINPUT_POINTER_AXIS_SCROLL_VERTICAL, .vertical),
      (LIBINPUT_POINTER_AXIS_SCROLL_HORIZONTAL, .horizontal),
    ]
    return axes.filter { libinput_event_pointer_has_axis(pointer, $0.0) != 0 }
      .map { .wheel($0.1, notches: notches(pointer, $0.0)) }
  }

  private static func touch(_ event: OpaquePointer, isDown: Bool) -> [SeatEvent] {
    let touch = libinput_event_get_touch_event(event)
    return [
      .touch(
        finger: libinput_event_touch_get_seat_slot(touch),
        x: libinput_event_touch_get_x_transformed(touch, parts) / Double(parts),
        y: libinput_event_touch_get_y_transformed(touch, parts) / Double(parts), isDown: isDown)
    ]
  }
}
