// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
public import QMP
import Synchronization
import SystemPackage

/// A connection that uses a function. The function takes a command's JSON and returns QEMU's
/// answer, such as libvirt's virDomainQemuMonitorCommand. The connection gets no events.
public final class BlockingQMPConnection: QMPConnection {
  private let name: String
  private let call: @Sendable ([UInt8]) throws -> [UInt8]
  private let state = Mutex(State())

  private struct State {
    var end: QMPError?
    var streams: [AsyncStream<QMPEvent>.Continuation] = []
  }

  /// - Parameters:
  ///   - name: the connection's name in errors.
  ///   - call: the function. It runs on a new thread for each command, maybe on several at once.
  ///     The connection ends when the function throws, except with a `QMPError` after which a
  ///     connection goes on.
  public init(name: String, call: @escaping @Sendable ([UInt8]) throws -> [UInt8]) {
    self.name = name
    self.call = call
  }

  deinit { end(.closed(object: name)) }

  public var failure: QMPError? { state.withLock(\.end) }

  /// Calls the function, and waits until it returns or the task is cancelled. A call that has begun
  /// goes on after that. The function itself limits its time; `timeout` is not used.
  ///
  /// - Throws: `QMPError`, as `QMPClient.execute` does.
  public func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration
  ) async throws(QMPError) -> Command.Response {
    if let failure { throw failure }
    let request = try command.request()
    do throws(QMPError) {
      let answer = try await answer(to: request, command: Command.name).get()
      return try Command.response(in: answer, from: name)
    } catch {
      switch error {
      case .refused, .timeout, .cancelled: break
      default: end(error)
      }
      throw error
    }
  }

  public func events() -> AsyncStream<QMPEvent> {
    let (stream, continuation) = AsyncStream.makeStream(of: QMPEvent.self)
    let hasEnded = state.withLock { state in
      if state.end == nil { state.streams.append(continuation) }
      return state.end != nil
    }
    if hasEnded { continuation.finish() }
    return stream
  }

  public func close() async { end(.closed(object: name)) }

  private func end(_ error: QMPError) {
    let streams = state.withLock { state in
      state.end = state.end ?? error
      defer { state.streams = [] }
      return state.streams
    }
    for stream in streams { stream.finish() }
  }

  private func answer(
    to request: [UInt8], command: String
  ) async -> Result<[UInt8], QMPError> {
    let answer = Answer()
    let cancelled = QMPError.cancelled(object: name, command: command)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        answer.wait(continuation)
        do throws(SystemCallError) {
          try SystemThread.detach(for: name) { [name, call] in
            answer.settle(
              Result { try call(request) }.mapError {
                $0 as? QMPError ?? .invalid(object: name, reason: "\($0)")
              })
          }
        } catch {
          answer.settle(.failure(.system(error)))
        }
      }
    } onCancel: {
      answer.settle(.failure(cancelled))
    }
  }

  /// Holds one outcome. The first outcome counts, before or after the wait begins.
  private final class Answer: Sendable {
    private struct State {
      var continuation: CheckedContinuation<Result<[UInt8], QMPError>, Never>?
      var outcome: Result<[UInt8], QMPError>?
    }
    private let state = Mutex(State())

    func wait(_ continuation: CheckedContinuation<Result<[UInt8], QMPError>, Never>) {
      let outcome = state.withLock { state in
        if state.outcome == nil { state.continuation = continuation }
        return state.outcome
      }
      if let outcome { continuation.resume(returning: outcome) }
    }

    func settle(_ outcome: Result<[UInt8], QMPError>) {
      let continuation = state.withLock { state in
        if state.outcome == nil { state.outcome = outcome }
        defer { state.continuation = nil }
        return state.continuation
      }
      continuation?.resume(returning: outcome)
    }
  }
}
