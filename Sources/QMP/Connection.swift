// SPDX-License-Identifier: Apache-2.0

import CLinux
import JSONText
import LinuxSystem
import Synchronization
import SystemPackage

/// The state that the callers' tasks and the connection's own thread share: which caller waits for
/// which answer, and the bytes still to send.
final class Connection: Sendable {
  typealias Outcome = Result<any Sendable, QMPError>

  /// The socket's path, for errors.
  let name: String
  let limits: QMPLimits
  /// An eventfd that wakes the thread.
  let wakeup: OwnedFileDescriptor
  private let state = Mutex(State())

  /// The greeting's key in `waiting`, because QEMU sends the greeting without an id.
  private static let greetingID = 0

  private struct State {
    /// QEMU may send a new client the answers that a former one has not waited for. So each connection's ids
    /// begin at a random number.
    var nextID = Int.random(in: 1...(1 << 52))
    var waiting: [Int: Waiting] = [:]
    var outgoing: [UInt8] = []
    /// Descriptors that go with the byte at this place of `outgoing`, in order.
    var passing: [(offset: Int, descriptor: PassedDescriptor)] = []
    /// The thread's socket while the thread serves it; not owned here.
    var socket: Int32?
    /// The process that serves the socket, when the kernel tells.
    var server: Int32?
    var isGreeted = false
    /// What QEMU said last about something that it could not read, and when.
    var complaint: (reason: String, time: MonotonicInstant)?
    var end: QMPError?
    var hasStarted = false
    var isThreadRunning = false
    var streams: [Int: AsyncStream<QMPEvent>.Continuation] = [:]
    var closers: [CheckedContinuation<Void, Never>] = []

    /// Sends the bytes that the socket takes. It never blocks, because the socket does not block.
    mutating func sendOutgoing() {
      guard let socket, !outgoing.isEmpty else { return }
      var descriptor: PassedDescriptor?
      var end = outgoing.count
      if let first = passing.first {
        descriptor = first.offset == 0 ? first.descriptor : nil
        // The bytes before a descriptor go alone.
        if first.offset > 0 { end = min(end, first.offset) }
      }
      let count = outgoing.withUnsafeBytes { bytes in
        SystemCall.uninterrupted {
          if let descriptor {
            return vgpu_send_fd(socket, bytes.baseAddress, end, descriptor.fd.rawValue)
          }
          return vgpu_send(socket, bytes.baseAddress, end)
        }
      }
      if count >= 0 {
        let sent = min(count, outgoing.count)
        outgoing.removeFirst(sent)
        if descriptor != nil, sent > 0 { passing.removeFirst() }
        for index in passing.indices { passing[index].offset -= min(sent, passing[index].offset) }
      } else if SystemCall.errno(count) != .resourceTemporarilyUnavailable {
        // QEMU has closed its end. The thread still reads QEMU's last messages, and then finds the
        // end.
        outgoing = []
        passing = []
      }
    }
  }

  /// A descriptor on its way to QEMU.
  final class PassedDescriptor: Sendable {
    let fd: OwnedFileDescriptor
    init(_ fd: consuming OwnedFileDescriptor) { self.fd = fd }
  }

  private struct Waiting {
    let command: String?
    let timeout: Duration
    let start: MonotonicInstant
    let deadline: MonotonicInstant
    /// Reads the answer, on the connection's thread.
    let reader: Message.Reader
    let continuation: CheckedContinuation<Outcome, Never>
  }

  init(name: String, limits: QMPLimits) throws(QMPError) {
    self.name = name
    self.limits = limits
    do {
      let fd = try SystemCall.make("eventfd", on: name) { vgpu_eventfd() }
      wakeup = OwnedFileDescriptor(owning: Int32(fd))
    } catch {
      throw .system(error)
    }
  }

  // MARK: For the callers

  func nextID() -> Int {
    state.withLock { state in
      defer { state.nextID += 1 }
      return state.nextID
    }
  }

  /// Starts the thread, and waits for the greeting.
  func greeting(_ endpoint: Endpoint, timeout: Duration) async throws(QMPError) -> QMPVersion {
    defer { if !state.withLock(\.hasStarted) { endpoint.close() } }
    return try await wait(
      for: Self.greetingID, command: nil, timeout: timeout, as: QMPVersion.self
    ) { [self] state in
      let error = ConnectionThread.start(self, endpoint)
      state.hasStarted = error == nil
      state.isThreadRunning = error == nil
      return error
    }
  }

  /// Sends a request, with a descriptor if there is one (SCM_RIGHTS), and waits for its answer.
  func answer<Response: Decodable & Sendable>(
    to request: [UInt8], id: Int, command: String, passing descriptor: PassedDescriptor? = nil,
    timeout: Duration, as type: Response.Type
  ) async throws(QMPError) -> Response {
    try await wait(for: id, command: command, timeout: timeout, as: type) {
      [limits, name] state in
      guard state.outgoing.count + request.count < limits.outgoing else {
        return .tooLarge(object: name, limit: limits.outgoing)
      }
      if let descriptor { state.passing.append((state.outgoing.count, descriptor)) }
      state.outgoing += request
      state.sendOutgoing()
      return nil
    }
  }

  func events() -> AsyncStream<QMPEvent> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: QMPEvent.self, bufferingPolicy: .bufferingNewest(limits.events))
    let id = nextID()
    let hasEnded = state.withLock { state in
      if state.end == nil { state.streams[id] = continuation }
      return state.end != nil
    }
    if hasEnded { continuation.finish() }
    // Not weak: a weak reference leaves a record that valgrind calls lost while the object lives. The
    // end of the stream, which `end` brings too, lets go.
    continuation.onTermination = { [self] _ in
      state.withLock { state in _ = state.streams.removeValue(forKey: id) }
    }
    return stream
  }

  /// Why the connection has ended; `nil` while it has not.
  var failure: QMPError? { state.withLock(\.end) }

  /// Returns when the thread has ended and the socket is closed.
  func waitForThread() async {
    await withCheckedContinuation { continuation in
      let isRunning = state.withLock { state in
        if state.isThreadRunning { state.closers.append(continuation) }
        return state.isThreadRunning
      }
      if !isRunning { continuation.resume() }
    }
  }

  private func wait<Response: Decodable & Sendable>(
    for id: Int, command: String?, timeout: Duration, as type: Response.Type,
    begin: @Sendable (inout State) -> QMPError?
  ) async throws(QMPError) -> Response {
    let start = MonotonicInstant.now
    let deadline = start.advanced(by: timeout)
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Outcome, Never>) in
        let error: QMPError? = state.withLock { state in
          if let end = state.end { return end }
          // When the task was cancelled before this point, `onCancel` found no waiting entry.
          if Task.isCancelled { return .cancelled(object: name, command: command) }
          if let error = begin(&state) { return error }
          state.waiting[id] = Waiting(
            command: command, timeout: timeout, start: start, deadline: deadline,
            reader: Message.reader(type), continuation: continuation)
          return nil
        }
        if let error { continuation.resume(returning: .failure(error)) } else { wake() }
      }
    } onCancel: {
      settle(id, .failure(.cancelled(object: name, command: command)))
    }
    guard let response = try outcome.get() as? Response else {
      throw .malformed(object: name, reason: "an answer of another type")
    }
    return response
  }

  private func wake() { _ = eventfd_write(wakeup.rawValue, 1) }

  /// Hands an outcome to its caller, unless the caller no longer waits.
  private func settle(_ id: Int, _ outcome: Outcome) {
    let waiting = state.withLock { $0.waiting.removeValue(forKey: id) }
    waiting?.continuation.resume(returning: outcome)
  }

  /// Ends the connection. The first reason counts.
  func end(_ error: QMPError) {
    let (waiting, streams) = state.withLock { state in
      guard state.end == nil else { return ([Waiting](), [AsyncStream<QMPEvent>.Continuation]()) }
      state.end = error
      defer {
        state.waiting = [:]
        state.streams = [:]
        state.outgoing = []
        state.passing = []
      }
      return (Array(state.waiting.values), Array(state.streams.values))
    }
    // Outside the lock, because a resumed caller may call this object again at once.
    for waiting in waiting { waiting.continuation.resume(returning: .failure(error)) }
    for stream in streams { stream.finish() }
    wake()
  }

  // MARK: For the thread

  var hasEnded: Bool { failure != nil }

  var hasOutgoing: Bool { state.withLock { !$0.outgoing.isEmpty } }

  /// Sends as much of the outgoing bytes as the socket takes.
  func sendOutgoing() { state.withLock { $0.sendOutgoing() } }

  /// Gives callers the thread's socket. From now on a caller sends by itself the bytes that the
  /// socket takes at once, and need not wake the thread. `nil` takes the socket back; the thread
  /// does this before it closes the socket.
  func serve(_ socket: Int32?) {
    let server = socket.flatMap(Endpoint.server)
    state.withLock { state in
      state.socket = socket
      state.server = server ?? state.server
    }
  }

  /// The process that serves the socket; `nil` when the kernel does not tell.
  var server: Int32? { state.withLock(\.server) }

  /// The time at which the next answer is overdue.
  var nextDeadline: MonotonicInstant? {
    state.withLock { $0.waiting.values.lazy.map(\.deadline).min() }
  }

  /// Ends the wait for every answer that is overdue, with `QMPError.timeout`.
  func expire() {
    let now = MonotonicInstant.now
    let (overdue, complaint) = state.withLock { state in
      let ids = state.waiting.filter { $0.value.deadline <= now }.keys
      return (ids.compactMap { state.waiting.removeValue(forKey: $0) }, state.complaint)
    }
    for waiting in overdue {
      var error = QMPError.timeout(object: name, command: waiting.command, after: waiting.timeout)
      if let complaint, let command = waiting.command, complaint.time >= waiting.start {
        error = .malformed(
          object: "\(name): \(command)",
          reason: "no answer, but this for an unknown command: \(complaint.reason)")
      }
      waiting.continuation.resume(returning: .failure(error))
    }
  }

  /// Handles one message from QEMU.
  func receive(_ bytes: [UInt8]) {
    let message: Message
    do {
      message = try Message.read(bytes) { [self] id in
        id.flatMap { id in state.withLock { $0.waiting[id]?.reader } }
      }
    } catch {
      end(.malformed(object: name, reason: JSON.reason(error)))
      return
    }
    let isGreeted = state.withLock(\.isGreeted)
    switch message {
    case .greeting(let version) where !isGreeted:
      state.withLock { $0.isGreeted = true }
      settle(Self.greetingID, .success(version))
    case .greeting:
      end(.malformed(object: name, reason: "a second greeting"))
    case _ where !isGreeted:
      // Still for a former client.
      break
    case .event(let event):
      for stream in state.withLock({ Array($0.streams.values) }) { stream.yield(event) }
    case .success(_?, nil):
      // No caller waits for this answer any more.
      break
    case .success(let id?, .success(let value)?):
      settle(id, .success(value))
    case .success(let id?, .failure(let error)?):
      let command = state.withLock { $0.waiting[id]?.command }
      settle(
        id,
        .failure(
          .malformed(object: "\(name): \(command ?? "")", reason: JSON.reason(error))))
    case .failure(let id?, let refusal):
      let command = state.withLock { $0.waiting[id]?.command }
      settle(
        id,
        .failure(
          .refused(
            object: name, command: command ?? "", errorClass: refusal.errorClass,
            reason: refusal.reason)))
    case .failure(nil, let refusal):
      // QEMU does not know the id of a command that it could not read, which may be a former client's.
      state.withLock { $0.complaint = (refusal.reason, .now) }
    case .success(nil, _):
      // A former client's, which gives its commands no ids.
      break
    }
  }

  func threadHasEnded() {
    let closers = state.withLock { state in
      state.isThreadRunning = false
      defer { state.closers = [] }
      return state.closers
    }
    for closer in closers { closer.resume() }
  }
}

extension MonotonicInstant {
  /// The sum, limited to a century from now: no caller waits longer, and `UInt64` does not
  /// overflow.
  fileprivate func advanced(by duration: Duration) -> MonotonicInstant {
    let (seconds, attoseconds) = min(max(duration, .zero), .seconds(3_200_000_000)).components
    return MonotonicInstant(
      nanoseconds: nanoseconds + UInt64(seconds) * 1_000_000_000
        + UInt64(attoseconds / 1_000_000_000))
  }
}
