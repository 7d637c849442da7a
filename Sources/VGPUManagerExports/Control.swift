// SPDX-License-Identifier: Apache-2.0

import CVGPU
import GuestControl
import GuestInput
import Hotplug
import LinuxSystem
import QMP
import VGPUExports

/// The object behind a `vgpu_control`.
final class Control: Handle, Sendable {
  static let cName = "vgpu_control"

  let controller: GuestController
  let events = WaitingEvents<GuestEvent>(of: "a guest's events")

  init(_ controller: GuestController) {
    self.controller = controller
    let coming = controller.events()
    // The connection may have been quicker than the line above.
    if controller.isConnected { events.add(.connected) }
    // The sequence ends with the controller.
    Task.detached { [weak events] in
      for await event in coming { events?.add(event) }
    }
  }

  /// Releases the keys and buttons, and waits until nothing of the connection is left.
  func close() {
    let controller = controller
    controller.releaseAll()
    waiting { await controller.close() }
  }

  /// Waits until there is a connection.
  ///
  /// - Throws: `Failure`: why there is none.
  func waitForConnection() throws(Failure) {
    let controller = controller
    do throws(QMPUnavailable) {
      _ = try waiting { () async throws(QMPUnavailable) in try await controller.connection() }
    } catch {
      throw Failure(error)
    }
  }

  /// Works on the guest's devices.
  func hotplug<Value: Sendable>(
    _ body: @escaping @Sendable (GuestHotplug) async throws(HotplugError) -> Value
  ) throws(Failure) -> Value {
    let controller = controller
    return try waiting { () async throws(Failure) in
      let connection: any QMPConnection
      do throws(QMPUnavailable) {
        connection = try await controller.connection()
      } catch {
        throw Failure(error)
      }
      do throws(HotplugError) {
        return try await body(GuestHotplug(connection))
      } catch {
        throw Failure(error)
      }
    }
  }

  /// Carries out a command, for its code.
  static func command<Command: QMPCommand>(
    _ control: OpaquePointer?, _ told: UnsafeMutablePointer<vgpu_error>?, _ command: Command
  ) -> Int32 {
    Failure.code(told) { () throws(Failure) in
      let control = try borrowed(control)
      try control.waitForConnection()
      let controller = control.controller
      do throws(QMPError) {
        _ = try waiting { () async throws(QMPError) in try await controller.execute(command) }
      } catch {
        throw Failure(error)
      }
    }
  }

  /// Sends an event, for its code.
  static func send(
    _ control: OpaquePointer?, _ told: UnsafeMutablePointer<vgpu_error>?,
    _ event: () throws(Failure) -> GuestInputEvent
  ) -> Int32 {
    Failure.code(told) { () throws(Failure) in
      let controller = try borrowed(control).controller
      guard controller.send(try event()) == .refused else { return }
      if case .viewOnly(let reason) = controller.state { throw Failure(.notRunning, reason) }
      throw Failure(.notRunning, "the guest took no input at that moment; send it again")
    }
  }
}

extension MachineState {
  /// As C knows it: `VGPU_MACHINE_STATE_*`.
  var cValue: Int32 {
    switch self {
    case .unknown: Int32(VGPU_MACHINE_STATE_UNKNOWN)
    case .running: Int32(VGPU_MACHINE_STATE_RUNNING)
    case .paused: Int32(VGPU_MACHINE_STATE_PAUSED)
    case .suspended: Int32(VGPU_MACHINE_STATE_SUSPENDED)
    case .poweredOff: Int32(VGPU_MACHINE_STATE_POWERED_OFF)
    case .panicked: Int32(VGPU_MACHINE_STATE_PANICKED)
    }
  }
}

extension vgpu_event {
  init(_ event: GuestEvent) {
    self.init()
    var words = ""
    switch event {
    case .connected: kind = Int32(VGPU_EVENT_CONNECTED)
    case .disconnected(let reason):
      kind = Int32(VGPU_EVENT_DISCONNECTED)
      words = reason
    case .machine(let state):
      kind = Int32(VGPU_EVENT_MACHINE)
      detail = state.cValue
    case .reset(let byGuest):
      kind = Int32(VGPU_EVENT_RESET)
      detail = byGuest ? 1 : 0
    case .shutdown(let byGuest, let cause):
      kind = Int32(VGPU_EVENT_SHUTDOWN)
      detail = byGuest ? 1 : 0
      words = cause
    case .unknownKey(let key):
      kind = Int32(VGPU_EVENT_UNKNOWN_KEY)
      detail = Int32(key.rawValue)
    }
    withUnsafeMutableBytes(of: &text) { _ = CText.write(words, to: $0) }
  }
}
