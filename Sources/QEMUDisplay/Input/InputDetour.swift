// SPDX-License-Identifier: Apache-2.0

import GuestInput
import LinuxSystem
import Synchronization

/// The way for events that QEMU's display does not take while a tablet is the guest's pointer: motion in
/// steps, the sideways wheel, and the buttons at the thumb. It is another sink, such as one over QMP, which
/// is there only while it is used, because a QMP socket serves one client at a time.
///
/// What comes before the sink is ready waits for it.
final class InputDetour: Sendable {
  private let makeSink: @Sendable () -> (any InputSink)?
  private let state = Mutex(State())

  private struct State {
    var sink: (any InputSink)?
    /// Whose events came last. A person has one pointer, so what is held belongs to one head.
    var owner: ObjectIdentifier?
    var lastUse = MonotonicInstant(nanoseconds: 0)
    /// The buttons that went down this way and not up again.
    var held: Set<PointerButton> = []
    /// What waits for the sink.
    var waiting = InputQueue()
    /// When the first of it came.
    var waitsSince = MonotonicInstant(nanoseconds: 0)
  }

  /// How long the sink stays after its last event. It stays longer while a button is held.
  private static let idleTime = Duration.seconds(5)
  /// How long an event may wait for the sink: later, it would surprise the person.
  private static let patience = Duration.seconds(3)
  /// The pause between two looks at a sink that is not ready.
  private static let pause = Duration.milliseconds(10)

  init(_ makeSink: @escaping @Sendable () -> (any InputSink)?) { self.makeSink = makeSink }

  /// Whether an event needs this way while a tablet is the guest's pointer.
  static func isNeeded(for event: GuestInputEvent) -> Bool {
    switch event {
    case .relative, .wheel(.horizontal, _), .button(.side, _), .button(.extra, _): true
    case .key, .button, .absolute, .wheel, .touchDown, .touchMove, .touchUp: false
    }
  }

  /// Whether the sink is there.
  var isThere: Bool { state.withLock { $0.sink != nil } }

  /// Whether an event would reach the sink at once.
  var isReady: Bool { state.withLock { $0.waiting.isEmpty && $0.sink?.isReady == true } }

  /// Whether an event releases a button that went down this way.
  func holds(_ event: GuestInputEvent) -> Bool {
    guard case .button(let button, down: false) = event else { return false }
    return state.withLock { $0.held.contains(button) }
  }

  /// - Parameter owner: the head's input.
  func send(_ event: GuestInputEvent, from owner: ObjectIdentifier) -> InputReceipt {
    let (receipt, isNew, begins) = state.withLock { state -> (InputReceipt, Bool, Bool) in
      state.owner = owner
      // Other events come along, and keep nobody from QMP.
      if Self.isNeeded(for: event) { state.lastUse = .now }
      let isNew = state.sink == nil
      guard let sink = state.sink ?? makeSink() else { return (.refused, false, false) }
      state.sink = sink
      if case .button(let button, let isDown) = event {
        if isDown { state.held.insert(button) } else { state.held.remove(button) }
      }
      if state.waiting.isEmpty {
        if sink.isReady { return (sink.send(event), isNew, false) }
        state.waiting.reset()
        state.waitsSince = .now
        guard state.waiting.append(event) else { return (sink.send(event), isNew, false) }
        return (.taken, isNew, true)
      }
      // A button that was pressed before the wait comes up at once.
      return (state.waiting.append(event) ? .taken : sink.send(event), isNew, false)
    }
    if isNew { endWhenIdle() }
    if begins { sendWhenReady() }
    return receipt
  }

  /// Releases what is held, and lets the sink go.
  ///
  /// - Parameter owner: whose end it is; `nil` for everybody's. Another head's buttons stay down.
  func end(of owner: ObjectIdentifier? = nil) {
    let sink = state.withLock { state -> (any InputSink)? in
      if let owner, state.owner != owner { return nil }
      state.held = []
      state.waiting.reset()
      return state.sink.take()
    }
    sink?.releaseAll()
  }

  /// Releases what this head's input holds.
  func releaseAll(of owner: ObjectIdentifier) {
    let sink = state.withLock { state -> (any InputSink)? in
      guard state.owner == owner else { return nil }
      state.held = []
      state.waiting.releaseAll()
      return state.sink
    }
    sink?.releaseAll()
  }

  private func sendWhenReady() {
    Task.detached { [weak self] in
      while self?.sendWaiting() == false { try? await Task.sleep(for: Self.pause) }
    }
  }

  /// - Returns: whether nothing waits any more.
  private func sendWaiting() -> Bool {
    state.withLock { state in
      guard let sink = state.sink, !state.waiting.isEmpty else { return true }
      if sink.isReady {
        while !state.waiting.isEmpty { for event in state.waiting.take() { sink.send(event) } }
        return true
      }
      guard state.waitsSince.duration(to: .now) > Self.patience else { return false }
      state.waiting.reset()
      state.held = []
      return true
    }
  }

  private func endWhenIdle() {
    Task.detached { [weak self] in
      while let rest = self?.timeLeft, rest > .zero { try? await Task.sleep(for: rest) }
      self?.end()
    }
  }

  private var timeLeft: Duration {
    state.withLock { state in
      state.held.isEmpty ? Self.idleTime - state.lastUse.duration(to: .now) : Self.idleTime
    }
  }
}

extension InputSink {
  /// Whether it knows the guest's tablet, beside which the detour goes.
  fileprivate var isReady: Bool {
    if case .ready(let devices) = state { devices.contains(.tablet) } else { false }
  }
}
