// SPDX-License-Identifier: Apache-2.0
//
// vgpu-guest.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
public import CVGPU
import GuestSession
import Guests
import HostCheckEGL
import HostDevices
import LinuxSystem
import QEMU
import Synchronization
import VGPUExports

@c @implementation
public func vgpu_guest_start(
  _ plan: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let state = try Plan.borrowed(plan).current
    let program = try QEMUProgram(named: state.program)
    let notes = Notes()
    let guest = try Failure.of { () throws(GuestError) in
      try waiting { () async throws(GuestError) in
        try await RunningGuest.start(
          state.plan, with: program, in: state.folders, tryingOpenGL: .inThisProcess
        ) { notice in notes.add("\(notice)") }
      }
    }
    return StartedGuest(guest, notes: notes.all).passedToC()
  }
}

@c @implementation
public func vgpu_guest_close(_ guest: OpaquePointer!) { StartedGuest.release(guest) }

@c @implementation
public func vgpu_guest_note(
  _ guest: OpaquePointer!, _ index: Int, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  let notes = (try? StartedGuest.borrowed(guest))?.notes ?? []
  return CText.write(notes.indices.contains(index) ? notes[index] : "", to: text, size: size)
}

@c @implementation
public func vgpu_guest_process(_ guest: OpaquePointer!) -> Int32 {
  (try? StartedGuest.borrowed(guest))?.guest.process.pid ?? 0
}

@c @implementation
public func vgpu_guest_device(
  _ guest: OpaquePointer!, _ device: UnsafeMutablePointer<vgpu_device>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let guest = try StartedGuest.borrowed(guest).guest
    guard let device else { throw .null("device") }
    guard let vGPU = guest.vGPU else { throw Failure(.noScreen("pid:\(guest.process.pid)")) }
    device.pointee = vgpu_device(vGPU, on: HostHardware())
  }
}

@c @implementation
public func vgpu_guest_log(
  _ guest: OpaquePointer!, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  CText.write((try? StartedGuest.borrowed(guest).guest.logPath) ?? "", to: text, size: size)
}

@c @implementation
public func vgpu_guest_socket(
  _ guest: OpaquePointer!, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  CText.write((try? StartedGuest.borrowed(guest).guest.sockets.window) ?? "", to: text, size: size)
}

@c @implementation
public func vgpu_guest_fd(_ guest: OpaquePointer!) -> Int32 {
  (try? StartedGuest.borrowed(guest))?.guest.process.running.rawValue ?? -1
}

@c @implementation
public func vgpu_guest_state(
  _ guest: OpaquePointer!, _ detail: UnsafeMutablePointer<Int32>!
) -> Int32 {
  let (state, number): (Int, Int32) =
    switch (try? StartedGuest.borrowed(guest))?.guest.state {
    case .running: (VGPU_GUEST_RUNNING, 0)
    case .ended(.exited(let code)): (VGPU_GUEST_EXITED, code)
    case .ended(.killed(let signal)): (VGPU_GUEST_KILLED, signal)
    case .ended(.unknown), nil: (VGPU_GUEST_ENDED, 0)
    }
  if let detail { detail.pointee = number }
  return Int32(state)
}

@c @implementation
public func vgpu_guest_open_source(
  _ guest: OpaquePointer!, _ flags: UInt32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let guest = try StartedGuest.borrowed(guest).guest
    let options = try OpenOptions(flags)
    do throws(AttachmentError) {
      let screen = try guest.open(controlsSize: options.controlsMonitor).screen
      return Source(
        screen, of: guest.named.target, controlsMonitor: options.controlsMonitor
      ).passedToC()
    } catch {
      throw Failure(error)
    }
  }
}

@c @implementation
public func vgpu_guest_kill(
  _ guest: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in try StartedGuest.borrowed(guest).guest.kill() }
}

@c @implementation
public func vgpu_guest_end(
  _ guest: OpaquePointer!, _ patience: UInt32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let guest = try StartedGuest.borrowed(guest).guest
    try Failure.of { () throws(GuestError) in
      try waiting { () async throws(GuestError) in
        try await guest.end(after: .milliseconds(Int64(patience)))
      }
    }
  }
}

@c @implementation
public func vgpu_guest_clean_up(
  _ guest: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let guest = try StartedGuest.borrowed(guest).guest
    let end = try Failure.of { () throws(GuestError) in try guest.cleanUp() }
    if end == nil {
      throw Failure(
        .inUse, "pid:\(guest.process.pid): the guest runs; end it first (vgpu_guest_end)")
    }
  }
}

/// The object behind a `vgpu_guest`.
final class StartedGuest: Handle, Sendable {
  static let cName = "vgpu_guest"

  let guest: RunningGuest
  /// What a person should know about the start, one line each.
  let notes: [String]

  init(_ guest: RunningGuest, notes: [String]) {
    self.guest = guest
    self.notes = notes
  }
}

/// What is said during a start, in its order.
private final class Notes: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock(\.self) }

  func add(_ line: String) { lines.withLock { $0.append(line) } }
}
