// SPDX-License-Identifier: Apache-2.0
//
// vgpu-control.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
public import CVGPU
import GuestControl
import GuestInput
import Guests
import Hotplug
import LinuxSystem
import QMP
import VGPUExports

@c @implementation
public func vgpu_control_open(
  _ target: UnsafePointer<CChar>!, _ socket: UnsafePointer<CChar>!, _ flags: UInt32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let target = try Target(c: target)
    let socket = try CText.optional(socket, "socket")
    guard flags & ~UInt32(VGPU_OPEN_WAIT) == 0 else {
      throw Failure(.argument, "flags \(flags): more than VGPU_OPEN_WAIT; leave the others out")
    }
    let endpoint: QMPEndpoint
    do throws(Obstacle) {
      endpoint = try Guest(target, qmpSocket: socket).qmpEndpoint()
    } catch {
      throw Failure(error)
    }
    let control = Control(GuestController(endpoint))
    if flags == 0 { try control.waitForConnection() }
    return control.passedToC()
  }
}

@c @implementation
public func vgpu_source_open_control(
  _ source: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let source = try Source.borrowed(source)
    do throws(Obstacle) {
      return Control(try Guest(source.target).control(showing: source.screen)).passedToC()
    } catch {
      throw Failure(error)
    }
  }
}

@c @implementation
public func vgpu_guest_open_control(
  _ guest: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let control = Control(try StartedGuest.borrowed(guest).guest.openControl())
    try control.waitForConnection()
    return control.passedToC()
  }
}

@c @implementation
public func vgpu_control_close(_ control: OpaquePointer!) {
  (try? Control.borrowed(control))?.close()
  Control.release(control)
}

@c @implementation
public func vgpu_control_input(_ control: OpaquePointer!) -> UInt32 {
  guard case .ready(let devices)? = (try? Control.borrowed(control))?.controller.state else {
    return 0
  }
  return [
    (InputDevices.keyboard, VGPU_INPUT_KEYBOARD), (.mouse, VGPU_INPUT_MOUSE),
    (.tablet, VGPU_INPUT_TABLET), (.touchScreen, VGPU_INPUT_TOUCH_SCREEN),
  ].reduce(0) { devices.contains($1.0) ? $0 | UInt32($1.1) : $0 }
}

@c @implementation
public func vgpu_control_message(
  _ control: OpaquePointer!, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  var reason = ""
  if case .viewOnly(let why)? = (try? Control.borrowed(control))?.controller.state { reason = why }
  return CText.write(reason, to: text, size: size)
}

// MARK: Input

@c @implementation
public func vgpu_control_key(
  _ control: OpaquePointer!, _ code: UInt32, _ down: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Control.send(control, error) { () throws(Failure) in
    // KEY_MAX; 0 is KEY_RESERVED.
    guard (1...0x2FF).contains(code), let code = UInt16(exactly: code) else {
      throw Failure(.argument, "key \(code): no key of <linux/input-event-codes.h>; give 1 to 767")
    }
    return .key(Keycode(rawValue: code), down: down != 0)
  }
}

@c @implementation
public func vgpu_control_button(
  _ control: OpaquePointer!, _ button: UInt32, _ down: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Control.send(control, error) { () throws(Failure) in
    let found: PointerButton =
      switch button {
      case 0x110: .left
      case 0x111: .right
      case 0x112: .middle
      case 0x113: .side
      case 0x114: .extra
      default:
        throw Failure(
          .argument,
          "button \(button): give BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE or BTN_EXTRA")
      }
    return .button(found, down: down != 0)
  }
}

@c @implementation
public func vgpu_control_absolute(
  _ control: OpaquePointer!, _ x: Int32, _ y: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Control.send(control, error) { .absolute(x: Int(x), y: Int(y)) }
}

@c @implementation
public func vgpu_control_relative(
  _ control: OpaquePointer!, _ dx: Int32, _ dy: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Control.send(control, error) { .relative(dx: Int(dx), dy: Int(dy)) }
}

@c @implementation
public func vgpu_control_wheel(
  _ control: OpaquePointer!, _ axis: Int32, _ notches: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Control.send(control, error) { () throws(Failure) in
    switch Int(axis) {
    case VGPU_AXIS_VERTICAL: .wheel(.vertical, notches: Int(notches))
    case VGPU_AXIS_HORIZONTAL: .wheel(.horizontal, notches: Int(notches))
    default: throw Failure(.argument, "axis \(axis): not one of VGPU_AXIS_*")
    }
  }
}

@c @implementation
public func vgpu_control_touch(
  _ control: OpaquePointer!, _ kind: Int32, _ slot: Int32, _ x: Int32, _ y: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Control.send(control, error) { () throws(Failure) in
    let slot = Int(slot)
    guard (0..<GuestInputEvent.mostTouches).contains(slot) else {
      throw Failure(
        .argument, "slot \(slot): give 0 to \(GuestInputEvent.mostTouches - 1)")
    }
    let event: GuestInputEvent =
      switch Int(kind) {
      case VGPU_TOUCH_DOWN: .touchDown(slot: slot, x: Int(x), y: Int(y))
      case VGPU_TOUCH_MOVE: .touchMove(slot: slot, x: Int(x), y: Int(y))
      case VGPU_TOUCH_UP: .touchUp(slot: slot)
      default: throw Failure(.argument, "touch \(kind): not one of VGPU_TOUCH_*")
      }
    if case .ready(let devices) = try Control.borrowed(control).controller.state,
      !devices.contains(.touchScreen)
    {
      throw Failure(
        .unsupported,
        "the guest has no touch screen; start QEMU with -device virtio-multitouch-pci")
    }
    return event
  }
}

@c @implementation
public func vgpu_control_release_all(
  _ control: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in try Control.borrowed(control).controller.releaseAll()
  }
}

// MARK: Power

@c @implementation
public func vgpu_control_power_down(
  _ control: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Control.command(control, error, SystemPowerdown())
}

@c @implementation
public func vgpu_control_reset(
  _ control: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Control.command(control, error, SystemReset())
}

@c @implementation
public func vgpu_control_quit(
  _ control: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Control.command(control, error, Quit())
}

@c @implementation
public func vgpu_control_machine(_ control: OpaquePointer!) -> Int32 {
  ((try? Control.borrowed(control))?.controller.machine ?? .unknown).cValue
}

// MARK: Events

@c @implementation
public func vgpu_control_fd(
  _ control: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.result(error) { () throws(Failure) in try Control.borrowed(control).events.descriptor() }
    ?? -1
}

@c @implementation
public func vgpu_control_read_event(
  _ control: OpaquePointer!, _ event: UnsafeMutablePointer<vgpu_event>!
) -> Int32 {
  let next = event == nil ? nil : (try? Control.borrowed(control))?.events.next()
  event?.pointee = next.map { vgpu_event($0) } ?? vgpu_event()
  return next == nil ? 0 : 1
}

// MARK: Hot-plug

@c @implementation
public func vgpu_control_plug(
  _ control: OpaquePointer!, _ device: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let control = try Control.borrowed(control)
    let device = try PluggableDevice(c: device)
    try control.hotplug { (hotplug) async throws(HotplugError) in try await hotplug.plug(device) }
  }
}

@c @implementation
public func vgpu_control_unplug(
  _ control: OpaquePointer!, _ device: UnsafePointer<CChar>!, _ patience: UInt32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let control = try Control.borrowed(control)
    let device = try PluggableDevice(c: device)
    try control.hotplug { (hotplug) async throws(HotplugError) in
      try await hotplug.unplug(device, patience: .milliseconds(Int64(patience)))
    }
  }
}

@c @implementation
public func vgpu_control_list_plugged(
  _ control: OpaquePointer!, _ devices: UnsafeMutablePointer<vgpu_plugged>!, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let control = try Control.borrowed(control)
    let count = try checkRoom(devices, "devices", capacity, count)
    let plugged = try control.hotplug { (hotplug) async throws(HotplugError) in
      try await hotplug.plugged()
    }
    list(plugged, devices, capacity, count) { vgpu_plugged($0) }
  }
}

extension PluggableDevice {
  fileprivate init(c text: UnsafePointer<CChar>?) throws(Failure) {
    let text = try CText.read(text, "device")
    self = try Failure.of { () throws(HotplugError) in try PluggableDevice(parsing: text) }
  }
}

extension vgpu_plugged {
  fileprivate init(_ plugged: PluggableDevice) {
    self.init()
    withUnsafeMutableBytes(of: &device) { _ = CText.write("\(plugged)", to: $0) }
  }
}
