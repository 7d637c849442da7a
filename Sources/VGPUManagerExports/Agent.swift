// SPDX-License-Identifier: Apache-2.0

import CVGPU
import GuestAgent
import LinuxSystem
import Synchronization
import VGPUExports

/// The object behind a `vgpu_agent`.
final class Agent: Handle, Sendable {
  static let cName = "vgpu_agent"

  /// An event for C: what its structure has.
  struct Event: Sendable {
    var kind: Int
    var detail = false
    var transfer: UInt64 = 0
    var progress: FileTransfer.Progress?
    var text = ""
  }

  let client: AgentClient
  let events: WaitingEvents<Event>
  private let transfers = Mutex((last: UInt64(0), running: [UInt64: FileTransfer]()))

  /// - Parameter make: makes the client, with the function that hears its events.
  init(
    _ make: (@escaping @Sendable (AgentEvent) -> Void) throws(AgentError) -> AgentClient
  ) throws(Failure) {
    let events = WaitingEvents<Event>(of: "a guest's agent")
    self.events = events
    client = try Failure.of { () throws(AgentError) in
      try make { event in if let event = Event(event) { events.add(event) } }
    }
  }

  /// Says goodbye, and waits until the connection is closed.
  func close() {
    let client = client
    waiting { await client.closeAndWait() }
  }

  /// Sends files.
  ///
  /// - Returns: the transfer's number.
  func send(_ files: [AgentFile]) -> UInt64 {
    let number = transfers.withLock { transfers in
      transfers.last += 1
      return transfers.last
    }
    let events = events
    let transfer = client.send(files) { progress in
      events.add(
        Event(kind: VGPU_AGENT_EVENT_PROGRESS, transfer: number, progress: progress)
      ) { $0.kind == VGPU_AGENT_EVENT_PROGRESS && $0.transfer == number }
    }
    transfers.withLock { $0.running[number] = transfer }
    Task.detached { [weak self] in
      let outcomes = await transfer.outcomes()
      self?.transfers.withLock { $0.running[number] = nil }
      let failure = outcomes.lazy.compactMap(\.error).first
      events.add(
        Event(
          kind: VGPU_AGENT_EVENT_ENDED, transfer: number, progress: transfer.progress,
          text: failure.map { "\($0)" } ?? "")
      ) { $0.kind == VGPU_AGENT_EVENT_PROGRESS && $0.transfer == number }
    }
    return number
  }

  /// Cancels a transfer, unless it is over.
  func cancel(_ number: UInt64) { transfers.withLock { $0.running[number] }?.cancel() }

  /// The text of the guest's clipboard.
  ///
  /// - Throws: `Failure` with the agent's reason; `.notRunning` when it does not come in time.
  func text(patience: Duration) throws(Failure) -> [UInt8] {
    let client = client
    return try Failure.of { () throws(AgentError) in
      try waiting { () async throws(AgentError) in
        let asking = Task { () async -> Result<[UInt8], AgentError> in
          do throws(AgentError) {
            return .success(try await client.content(.text))
          } catch {
            return .failure(error)
          }
        }
        let limit = Task {
          if (try? await Task.sleep(for: patience)) != nil { asking.cancel() }
        }
        let result = await asking.value
        limit.cancel()
        if case .failure(.cancelled) = result { throw .noAnswer }
        return try result.get()
      }
    }
  }
}

extension Agent.Event {
  /// `nil` for what C is not told.
  fileprivate init?(_ event: AgentEvent) {
    switch event {
    case .state(.connected): self.init(kind: VGPU_AGENT_EVENT_CONNECTED)
    case .state(.unavailable(let reason)):
      self.init(kind: VGPU_AGENT_EVENT_DISCONNECTED, text: reason)
    case .guestClipboard(.clipboard, let content):
      self.init(
        kind: VGPU_AGENT_EVENT_CLIPBOARD, detail: content?.types.contains(.text) == true)
    default: return nil
    }
  }
}

extension vgpu_agent_event {
  init(_ event: Agent.Event) {
    self.init()
    kind = Int32(event.kind)
    detail = event.detail ? 1 : 0
    transfer = event.transfer
    if let progress = event.progress {
      bytes_sent = progress.bytesSent
      bytes_total = progress.bytesTotal
      files_done = UInt32(clamping: progress.filesDone)
      files_failed = UInt32(clamping: progress.filesFailed)
      files_total = UInt32(clamping: progress.filesTotal)
    }
    withUnsafeMutableBytes(of: &text) { _ = CText.write(event.text, to: $0) }
  }
}
