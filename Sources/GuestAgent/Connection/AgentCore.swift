// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import Synchronization

/// What the callers' threads and the connection's own thread share. Callers only change it and wake the
/// thread; the thread alone has the socket and calls back.
final class AgentCore: Sendable {
  let connector: any AgentConnector
  /// Whether the thread connects again after an end.
  let isRepeated: Bool
  /// How long an end waits for a guest that does not read.
  let goodbye: Duration
  /// An eventfd that wakes the thread.
  let wakeup: OwnedFileDescriptor
  let onEvent: @Sendable (AgentEvent) -> Void
  let shared: Mutex<Shared>

  struct ContentRequest {
    let onProgress: (@Sendable (_ received: Int, _ total: Int) -> Void)?
    let completion: @Sendable (Result<[UInt8], AgentError>) -> Void
    var lastProgress: MonotonicInstant?
  }

  struct Shared {
    var session = AgentSession()
    var queue = OutgoingQueue()
    var files = FileQueue()
    var state = AgentState.unavailable("no connection yet")
    var guestClipboards: [ClipboardSelection: GuestClipboard] = [:]
    var offers: [ClipboardSelection: (id: UInt64, offer: ClipboardOffer)] = [:]
    var contents: [UInt64: ContentRequest] = [:]
    /// What the thread calls next, without the lock.
    var calls: [@Sendable () -> Void] = []
    var waiting: [UInt64: CheckedContinuation<AgentState, Never>] = [:]
    /// Who waits for the thread's end.
    var ending: [CheckedContinuation<Void, Never>] = []
    var lastID: UInt64 = 0
    /// The contents of the host's that are being made. A guest that starts again forgets its requests.
    var fetching = 0
    var isConnected = false
    var isClosing = false
    var hasEnded = false

    mutating func newID() -> UInt64 {
      lastID += 1
      return lastID
    }
  }

  init(
    _ connector: any AgentConnector, isRepeated: Bool, goodbye: Duration,
    onEvent: @escaping @Sendable (AgentEvent) -> Void
  ) throws(SystemCallError) {
    self.connector = connector
    self.isRepeated = isRepeated
    self.goodbye = goodbye
    self.onEvent = onEvent
    let fd = try SystemCall.make("eventfd", on: connector.name) { vgpu_eventfd() }
    wakeup = OwnedFileDescriptor(owning: Int32(fd))
    shared = Mutex(Shared())
  }

  /// Changes the state and carries out what follows. The calls that follow are made by the thread.
  @discardableResult
  func change<Value: Sendable>(
    _ body: (inout Shared, MonotonicInstant) -> Value
  ) -> Value {
    let value = shared.withLock { shared in
      let now = MonotonicInstant.now
      let value = body(&shared, now)
      carryOut(&shared, now)
      return value
    }
    _ = eventfd_write(wakeup.rawValue, 1)
    return value
  }

  /// Carries out the session's actions.
  func carryOut(_ shared: inout Shared, _ now: MonotonicInstant) {
    while true {
      let actions = shared.session.takeActions()
      if actions.isEmpty { return }
      for action in actions { carryOut(action, &shared, now) }
    }
  }

  /// The most contents of the host's that are made at once.
  private static let mostFetching = 2

  private func carryOut(
    _ action: AgentSession.Action, _ shared: inout Shared, _ now: MonotonicInstant
  ) {
    switch action {
    case .send(let message, let layout, let isAnswer):
      guard shared.isConnected else { return }
      // A guest that reads nothing gets no second question behind the first.
      if case .capabilities(_, isRequest: true) = message, !shared.queue.isEmpty { return }
      shared.queue.append(OutgoingMessage(message, layout, isAnswer: isAnswer))
    case .event(let event):
      note(event, &shared)
      let onEvent = onEvent
      shared.calls.append { onEvent(event) }
    case .content(let request, let result):
      guard let waiting = shared.contents.removeValue(forKey: request) else { return }
      shared.calls.append { waiting.completion(result) }
    case .fetch(let request, let offer, let type):
      guard let (_, found) = shared.offers.values.first(where: { $0.id == offer }) else {
        return shared.session.provide(nil, for: request)
      }
      guard shared.fetching < Self.mostFetching else {
        return shared.session.provide(nil, for: request)
      }
      shared.fetching += 1
      shared.calls.append { [self] in
        Task.detached { [self] in
          let content = await found.content(type)
          let hasReturns = self.shared.withLock(\.session.hasCarriageReturns)
          let bytes = content.map {
            AgentText.forGuest($0, type, hasCarriageReturns: hasReturns)
          }
          change { shared, _ in
            shared.fetching -= 1
            shared.session.provide(bytes, for: request)
          }
        }
      }
    case .file(let id, .maySend): shared.files.maySend(id)
    case .file(let id, .ended(let result)):
      shared.queue.drop(file: id)
      shared.files.ended(id, result.failure)
    }
  }

  private func note(_ event: AgentEvent, _ shared: inout Shared) {
    switch event {
    case .state(let state):
      shared.state = state
      guard state.capabilities != nil || state == .closed else { return }
      for (_, continuation) in shared.waiting { continuation.resume(returning: state) }
      shared.waiting = [:]
    case .guestClipboard(let selection, let clipboard):
      shared.guestClipboards[selection] = clipboard
    case .offerReplaced(let selection): shared.offers[selection] = nil
    }
  }

  /// Makes the calls that wait. Only the thread does.
  func makeCalls() {
    while true {
      let calls = shared.withLock { exchange(&$0.calls, with: []) }
      if calls.isEmpty { break }
      for call in calls { call() }
    }
  }
}

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}
