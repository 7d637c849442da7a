// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import QMP
import Synchronization

/// Connects to a guest's QEMU, connects again when the connection ends, and runs the sender and the
/// watcher on the connection. Its task refers to this object only, so that a `GuestController` ends
/// with its last reference.
final class ConnectionSupervisor: Sendable {
  let input: InputSender
  let watcher: MachineWatcher
  let events = Broadcast<GuestEvent>(keeping: mostEvents)
  private let state = Mutex(State())

  /// The pauses between attempts to connect. The last pause repeats.
  private static let pauses: [Duration] = [.seconds(1), .seconds(2), .seconds(4), .seconds(5)]

  /// The most events that wait for a reader.
  private static let mostEvents = 256

  private struct State {
    var connection: (any QMPConnection)?
    /// Why there is no connection; empty while there is one.
    var reason = QMPUnavailable.unknown.description
    /// Why the last attempt failed or the last connection ended; `nil` while nobody knows yet.
    var failure: QMPUnavailable?
    var task: Task<Void, Never>?
    var isClosed = false
  }

  init() {
    input = InputSender(absence: QMPUnavailable.unknown.description, events: events)
    watcher = MachineWatcher(input, events)
  }

  func connection() throws(QMPError) -> any QMPConnection {
    let (connection, reason) = state.withLock { ($0.connection, $0.reason) }
    guard let connection else { throw .disconnected(object: reason) }
    return connection
  }

  /// Waits until there is a connection, or a reason why there is none.
  func settledConnection() async throws(QMPUnavailable) -> any QMPConnection {
    while true {
      let (connection, failure) = state.withLock { ($0.connection, $0.failure) }
      if let connection { return connection }
      if let failure { throw failure }
      do {
        // QEMU greets within milliseconds.
        try await Task.sleep(for: .milliseconds(5))
      } catch {
        throw .other("cancelled before there was a connection; try again")
      }
    }
  }

  /// Changes to another endpoint, and releases the keys and buttons of the old guest first.
  func follow(_ endpoint: QMPEndpoint?) {
    let connector = endpoint?.connector
    state.withLock { state in
      guard !state.isClosed else { return }
      let old = state.task
      old?.cancel()
      leave(
        &state,
        reason: connector == nil ? QMPUnavailable.unknown.description : "connecting to QEMU")
      state.failure = connector == nil ? .unknown : nil
      watcher.reset()
      state.task = Task(priority: .userInitiated) { [self] in
        // Wait for the old task, because its last events must not count as the new one's.
        await old?.value
        if let connector { await supervise(connector) }
      }
    }
  }

  /// Ends everything, but does not wait for the end.
  @discardableResult
  func stop() -> Task<Void, Never>? {
    let task = state.withLock { state in
      state.isClosed = true
      leave(&state, reason: "closed")
      state.failure = .other("the connection was closed here; make a new one")
      return state.task
    }
    task?.cancel()
    events.finish()
    input.changes.finish()
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
      // `stop` and `follow` cancel this task or set `isClosed` under the lock, and have given their
      // own reason.
      if Task.isCancelled || state.isClosed { return nil }
      // A shutdown is a better reason than the end of QEMU that follows from it, or than the socket
      // that QEMU took with it.
      let hasPoweredOff = watcher.state == .poweredOff
      if !hasPoweredOff { watcher.reset() }
      let failure = hasPoweredOff && error.isGone ? .poweredOff : error
      let reason = failure.description
      let isNews = state.reason != reason
      leave(&state, reason: reason)
      state.failure = failure
      return isNews ? reason : nil
    }
    if let news { events.tell(.disconnected(reason: news)) }
  }

  /// Uses a connection until it ends.
  ///
  /// - Returns: why the connection ended; `nil` when this side ended it.
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
      state.failure = nil
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
      // A separate task, because this task may be cancelled and the old guest must not keep a key
      // down.
      await Task { [input] in await input.release(on: connection) }.value
    }
    return end
  }
}
