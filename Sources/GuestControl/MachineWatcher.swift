// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import QMP
import Synchronization

/// Knows the state of a guest's machine, from QEMU's events and from questions, and tells the input
/// sender.
final class MachineWatcher: Sendable {
  private let machine = Mutex(MachineState.unknown)
  private let input: InputSender
  private let events: Broadcast<GuestEvent>

  /// How often the watcher looks for the guest's mouse.
  private static let interval = Duration.seconds(1)
  private static let questionTimeout = Duration.seconds(10)

  init(_ input: InputSender, _ events: Broadcast<GuestEvent>) {
    self.input = input
    self.events = events
  }

  var state: MachineState { machine.withLock(\.self) }

  /// Forgets the state, because the connection ended. It sends no event, because the end of the
  /// connection has one.
  func reset() {
    machine.withLock { machine in
      machine = .unknown
      input.note(machine)
    }
  }

  /// Asks for the machine's state and its pointing devices.
  func look(_ connection: any QMPConnection) async throws(QMPError) {
    try await lookAtMachine(connection)
    let detours = input.detours
    var mice: [QueryMice.Mouse] = []
    do {
      mice = try await connection.execute(QueryMice(), timeout: Self.questionTimeout)
    } catch .refused {
      // A QEMU that refuses the question counts as one without pointing devices.
    }
    input.note(mice, since: detours)
    if !input.hasAskedForTouchScreen { input.note(touchScreen: await connection.hasTouchScreen) }
  }

  /// Asks for the machine's state.
  func lookAtMachine(_ connection: any QMPConnection) async throws(QMPError) {
    do {
      let status = try await connection.execute(QueryStatus(), timeout: Self.questionTimeout)
      set(MachineState(status: status.status))
    } catch .refused {
      set(.unknown)
    }
  }

  /// Looks again and again while a person uses the guest.
  ///
  /// - Returns: why the connection has ended.
  func keepLooking(_ connection: any QMPConnection) async -> QMPError? {
    var uses = input.uses.stream().makeAsyncIterator()
    repeat {
      while input.isUsed {
        guard (try? await Task.sleep(for: Self.interval)) != nil else { return nil }
        do throws(QMPError) {
          try await look(connection)
        } catch .timeout {
          continue
        } catch {
          return error
        }
      }
      // Without a person there is nothing to look for, and no reason to wake.
    } while await uses.next() != nil
    return nil
  }

  /// Handles an event from QEMU (QAPI, run-state.json).
  func note(_ event: QMPEvent) {
    let isByGuest = event.data["guest"] == true
    switch event.name {
    case "STOP":
      // QEMU also sends STOP after a shutdown or a crash.
      if ![.poweredOff, .panicked].contains(state) { set(.paused) }
    case "RESUME", "WAKEUP": set(.running)
    case "SUSPEND": set(.suspended)
    case "GUEST_PANICKED": if event.data["action"] != "run" { set(.panicked) }
    case "RESET": events.tell(.reset(byGuest: isByGuest))
    case "SHUTDOWN":
      set(.poweredOff)
      let cause = if case .string(let text)? = event.data["reason"] { text } else { "unknown" }
      events.tell(.shutdown(byGuest: isByGuest, cause: cause))
    default: break
    }
  }

  private func set(_ new: MachineState) {
    let isNews = machine.withLock { machine in
      if machine == new { return false }
      machine = new
      // Under the lock, so that two changes reach the sender in their order.
      input.note(new)
      return true
    }
    if isNews { events.tell(.machine(new)) }
  }
}

extension QMPConnection {
  /// Whether the guest has a touch screen (`virtio-multitouch-pci`, of QEMU 8.1 and newer).
  package var hasTouchScreen: Bool {
    get async {
      for path in ["/machine/peripheral-anon", "/machine/peripheral"] {
        let children = try? await execute(QOMList(path: path), timeout: .seconds(2))
        if children?.contains(where: { $0.type.contains("multitouch") }) == true { return true }
      }
      return false
    }
  }
}
