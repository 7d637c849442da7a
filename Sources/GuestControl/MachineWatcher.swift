// SPDX-License-Identifier: Apache-2.0

import QMP
import Synchronization

/// Knows what a guest's machine is doing, by QEMU's events and by asking, and tells who sends input.
final class MachineWatcher: Sendable {
  private let machine = Mutex(MachineState.unknown)
  private let input: InputSender
  private let events: EventStreams

  /// How often the guest's mouse is looked for, and how long after the last use.
  private static let interval = Duration.seconds(1)
  private static let useTime = Duration.seconds(5)
  private static let questionTimeout = Duration.seconds(10)

  init(_ input: InputSender, _ events: EventStreams) {
    self.input = input
    self.events = events
  }

  var state: MachineState { machine.withLock(\.self) }

  /// Forgets what was known, because the connection has ended. Nobody is told: the end is the news.
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
      // A QEMU that does not tell has none.
    }
    input.note(mice, since: detours)
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
    while (try? await Task.sleep(for: Self.interval)) != nil {
      guard input.isUsed(within: Self.useTime) else { continue }
      do {
        try await look(connection)
      } catch .timeout {
        continue
      } catch {
        return error
      }
    }
    return nil
  }

  /// Takes an event of QEMU's (QAPI, run-state.json).
  func note(_ event: QMPEvent) {
    let isByGuest = event.data["guest"] == true
    switch event.name {
    case "STOP":
      // QEMU stops after a shutdown or a crash, too.
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
