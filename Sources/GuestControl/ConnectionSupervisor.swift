// SPDX-License-Identifier: Apache-2.0

import QMP
import Synchronization

/// Connects to a guest's QEMU, and again when the connection ends, and has the sender and the watcher
/// work on it. The task in here refers to this object only, so that a `GuestController` ends when its
/// last reference goes.
final class ConnectionSupervisor: Sendable {
  let input: InputSender
  let watcher: MachineWatcher
  let events: EventStreams
  private let state = Mutex(State())

  /// The pauses between attempts to connect; the last is for all that follow.
  private static let pauses: [Duration] = [.seconds(1), .seconds(2), .seconds(4), .seconds(5)]

  private struct State {
    var connection: (any QMPConnection)?
    /// Why there is no connection; empty while there is one.
    var reason = QMPUnavailable.unknown.description
    var task: Task<Void, Never>?
    var isClosed = false
  }

  init() {
    events = EventStreams()
    input = InputSender(absence: QMPUnavailable.unknown.description, events: events)
    watcher = MachineWatcher(input, events)
  }

  func connection() throws(QMPError) -> any QMPConnection {
    let (connection, reason) = state.withLock { ($0.connection, $0.reason) }
    guard let connection else { throw .disconnected(object: reason) }
    return connection
  }

  /// Goes over to an endpoint, and lets go of what is down in the guest before.
  func follow(_ endpoint: QMPEndpoint?) {
    let connector = endpoint?.connector
    state.withLock { state in
      guard !state.isClosed else { return }
      let old = state.task
      old?.cancel()
      leave(
        &state,
        reason: connector == nil ? QMPUnavailable.unknown.description : "connecting to QEMU")
      watcher.reset()
      state.task = Task(priority: .userInitiated) { [self] in
        // One after the other: what the old one still does must not be taken for the new one's.
        await old?.value
        if let connector { await supervise(connector) }
      }
    }
  }

  /// Ends everything, and does not wait for it.
  @discardableResult
  func stop() -> Task<Void, Never>? {
    let task = state.withLock { state in
      state.isClosed = true
      leave(&state, reason: "closed")
      return state.task
    }
    task?.cancel()
    events.finish()
    return task
  }

  func close() async { await stop()?.value }

  private func leave(_ state: inout State, reason: String) {
    state.connection = nil
    state.reason = reason
    input.disconnect(reason: reason)
  }

  private func supervise(_ connector: any QMPConnector) async {
    var failures = 0
    while !Task.isCancelled {
      do throws(QMPUnavailable) {
        let connection = try await connector.connect()
        if let error = await serve(connection, isConnected: { failures = 0 }) {
          noteEnd(.socket(error))
        }
        await connection.close()
      } catch {
        noteEnd(error)
      }
      let pause = Self.pauses[min(failures, Self.pauses.count - 1)]
      failures += 1
      try? await Task.sleep(for: pause)
    }
  }

  private func noteEnd(_ error: QMPUnavailable) {
    let news = state.withLock { state -> String? in
      // Who stops or leads elsewhere cancels this task under the lock, or has said why before.
      if Task.isCancelled || state.isClosed { return nil }
      // A shutdown says more than the end of QEMU, which only follows from it.
      let hasPoweredOff = watcher.state == .poweredOff
      if !hasPoweredOff { watcher.reset() }
      let reason = hasPoweredOff && error.isGone ? "the guest has powered off" : error.description
      let isNews = state.reason != reason
      leave(&state, reason: reason)
      return isNews ? reason : nil
    }
    if let news { events.tell(.disconnected(reason: news)) }
  }

  /// Uses a connection until it ends.
  ///
  /// - Returns: why it has ended; `nil` when that is this side's will.
  private func serve(
    _ connection: any QMPConnection, isConnected: () -> Void
  ) async -> QMPError? {
    let news = connection.events()
    do {
      try await watcher.look(connection)
    } catch {
      return error
    }
    let wakeups = state.withLock { state -> AsyncStream<Void>? in
      guard !Task.isCancelled, !state.isClosed else { return nil }
      state.connection = connection
      state.reason = ""
      return input.connect()
    }
    guard let wakeups else { return nil }
    isConnected()
    events.tell(.connected)
    let end = await withTaskGroup(of: QMPError?.self) { [input, watcher] group in
      group.addTask {
        await input.deliver(to: connection, wakeups) { () async throws(QMPError) in
          try await watcher.lookAtMachine(connection)
        }
      }
      group.addTask { await watcher.keepLooking(connection) }
      group.addTask {
        for await event in news { watcher.note(event) }
        return connection.failure
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
    if connection.failure == nil {
      // A task of its own, because this one may be cancelled: a guest that is left keeps no key down.
      await Task { [input] in await input.release(on: connection) }.value
    }
    return end
  }
}
