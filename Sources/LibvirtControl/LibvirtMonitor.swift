// SPDX-License-Identifier: Apache-2.0

import Dispatch
public import GuestControl
import Libvirt
public import QMP
import Synchronization

/// A domain's QEMU, told by libvirt (virDomainQemuMonitorCommand). It hears of no events.
///
/// libvirt's calls block, so they are made on a thread of their own, one after the other.
public final class LibvirtMonitor: MachineMonitor {
  private let domain: LibvirtDomain
  private let queue: DispatchQueue
  private let state = Mutex(State())

  private struct State {
    var end: QMPError?
    var streams: [AsyncStream<QMPEvent>.Continuation] = []
  }

  init(_ domain: LibvirtDomain, _ queue: DispatchQueue) {
    self.domain = domain
    self.queue = queue
  }

  private var object: String { "libvirt:\(domain.name)" }

  /// Why there is nobody to tell any more; `nil` while there is.
  public var failure: QMPError? { state.withLock(\.end) }

  /// Sends a command and waits for QEMU's answer, as long as libvirt does: `timeout` is not used,
  /// since a call of libvirt's cannot be given up.
  public func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration
  ) async throws(QMPError) -> Command.Response {
    if let failure { throw failure }
    let request = try QMPExchange.request(command, object: object)
    let domain = domain
    let answer = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<[UInt8], LibvirtError>, Never>) in
      queue.async {
        do throws(LibvirtError) {
          continuation.resume(returning: .success(try domain.execute(request)))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    switch answer {
    case .success(let line):
      return try QMPExchange.response(to: command, in: line, object: object)
    case .failure(let error):
      // Whatever libvirt has against it: connecting anew finds out whether that lasts.
      let failure = QMPError.invalid(object: object, reason: "\(error)")
      end(failure)
      throw failure
    }
  }

  /// A sequence without elements until the monitor's end.
  public func events() -> AsyncStream<QMPEvent> {
    let (stream, continuation) = AsyncStream.makeStream(of: QMPEvent.self)
    let hasEnded = state.withLock { state in
      if state.end == nil { state.streams.append(continuation) }
      return state.end != nil
    }
    if hasEnded { continuation.finish() }
    return stream
  }

  /// Ends the monitor; the domain goes on.
  public func close() async { end(.closed(object: object)) }

  private func end(_ error: QMPError) {
    let streams = state.withLock { state in
      guard state.end == nil else { return [AsyncStream<QMPEvent>.Continuation]() }
      state.end = error
      defer { state.streams = [] }
      return state.streams
    }
    for stream in streams { stream.finish() }
  }
}
