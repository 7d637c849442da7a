// SPDX-License-Identifier: Apache-2.0

import GuestInput
import LinuxSystem
import QMP
import Synchronization

/// Sends one guest's input over QMP: has the queue, and with it what is down, and says whether input
/// reaches the guest. It knows a connection only while `deliver` uses it.
final class InputSender: Sendable {
  private let state: Mutex<State>
  private let events: EventStreams

  /// An answer that takes longer than this is worth telling a person.
  private static let patience = Duration.seconds(2)
  /// QEMU carries out what it was sent, however long it is stopped. Without the answer nobody would
  /// know which keys are down.
  private static let answerTimeout = Duration.seconds(1 << 30)
  /// For selecting a mouse and for the last releases, which a control's end waits for.
  private static let endTimeout = Duration.seconds(2)
  /// How long a guest has for each key while more wait, so that its keyboard does not overflow.
  private static let keyPause = Duration.milliseconds(2)

  private struct State {
    var queue = InputQueue()
    /// Why there is no connection; `nil` while there is one.
    var absence: String?
    /// Why the machine takes no input; `nil` while it does.
    var machineRefusal: String?
    /// Wakes `deliver`; there is one while there is a connection.
    var wakeup: AsyncStream<Void>.Continuation?
    /// When the command was sent that is not answered yet.
    var sentAt: MonotonicInstant?
    /// Keys that this QEMU has no name for, or no device.
    var unknownKeys: Set<Keycode> = []
    var hasTablet = false
    /// To the mouse beside the tablet, and how often one began or ended: odd while on one.
    var detour: MouseDetour?
    var detours = 0
    var lastUse: MonotonicInstant?
    /// What the guest that was left still believes to be down.
    var leftDown: [GuestInputEvent] = []

    func refusal(at now: MonotonicInstant) -> String? {
      if let reason = absence ?? machineRefusal { return reason }
      guard let sentAt, sentAt.age(at: now) > InputSender.patience else { return nil }
      return "QEMU does not answer: it is stopped or overloaded"
    }

    /// - Returns: what wakes `deliver`, if it has something to do.
    mutating func afterChange() -> AsyncStream<Void>.Continuation? {
      if machineRefusal != nil { queue.keepReleases() }
      // While an answer is awaited `deliver` is awake.
      return queue.isEmpty || sentAt != nil ? nil : wakeup
    }

    /// Leaves out what QEMU refuses by itself: the first of the queue.
    ///
    /// - Returns: the key that it is, if it is one that was not known.
    mutating func leaveOut(_ event: GuestInputEvent) -> Keycode? {
      guard event.press != nil else {
        _ = queue.take(limit: 1)
        return nil
      }
      queue.forget(event)
      guard case .key(let key, _) = event, unknownKeys.insert(key).inserted else { return nil }
      return key
    }
  }

  /// - Parameters:
  ///   - reason: why there is no connection yet.
  ///   - events: who is told of a key that QEMU does not know.
  init(absence reason: String, events: EventStreams) {
    state = Mutex(State(absence: reason))
    self.events = events
  }

  // MARK: For the window

  @discardableResult
  func send(_ event: GuestInputEvent) -> InputReceipt {
    let now = MonotonicInstant.now
    var unknown: Keycode?
    var wakeup: AsyncStream<Void>.Continuation?
    let receipt = state.withLock { state -> InputReceipt in
      state.lastUse = now
      if state.refusal(at: now) != nil {
        // What is down comes up, sooner or later.
        guard event == event.release, state.queue.isHeld(event) else { return .refused }
      } else if case .key(let key, let down) = event, key.qKeyCode == nil {
        // The release of a key that was never pressed is no news.
        if down, state.unknownKeys.insert(key).inserted { unknown = key }
        return .unchanged
      } else if case .key(let key, _) = event, state.unknownKeys.contains(key) {
        return .unchanged
      }
      guard state.queue.append(event) else { return .unchanged }
      wakeup = state.afterChange()
      return .taken
    }
    if let unknown { events.tell(.unknownKey(unknown)) }
    wakeup?.yield()
    return receipt
  }

  func releaseAll() {
    let wakeup = state.withLock { state in
      state.queue.releaseAll()
      return state.afterChange()
    }
    wakeup?.yield()
  }

  var inputState: GuestInputState {
    let now = MonotonicInstant.now
    return state.withLock { state in
      state.lastUse = now
      if let reason = state.refusal(at: now) { return .viewOnly(reason: reason) }
      return .ready(state.hasTablet ? [.keyboard, .mouse, .tablet] : [.keyboard, .mouse])
    }
  }

  /// Whether a person has used the guest, or asked for its state, within a time.
  func isUsed(within time: Duration) -> Bool {
    let now = MonotonicInstant.now
    return state.withLock { $0.lastUse.map { $0.age(at: now) < time } ?? false }
  }

  // MARK: For who connects and watches

  /// Takes input from now on.
  ///
  /// - Returns: what `deliver` is woken by, until `disconnect`.
  func connect() -> AsyncStream<Void> {
    let (wakeups, wakeup) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    state.withLock { state in
      state.absence = nil
      state.wakeup = wakeup
      state.leftDown = []
    }
    return wakeups
  }

  /// Takes no more input. Another guest has none of this one's keys down.
  func disconnect(reason: String) {
    let wakeup = state.withLock { state in
      state.absence = reason
      if state.wakeup != nil { state.leftDown = state.queue.reset() }
      state.unknownKeys = []
      state.sentAt = nil
      state.hasTablet = false
      state.detour = nil
      return state.wakeup.take()
    }
    wakeup?.finish()
  }

  /// Notes what the machine is doing.
  func note(_ machine: MachineState) {
    let wakeup = state.withLock { state in
      state.machineRefusal = machine.reasonAgainstInput
      return state.wakeup
    }
    wakeup?.yield()
  }

  /// How often a detour began or ended: for `note(_:since:)`.
  var detours: Int { state.withLock(\.detours) }

  /// Notes the machine's pointing devices.
  ///
  /// - Parameter detours: before QEMU was asked. During a detour the tablet is not the selected one.
  func note(_ mice: [QueryMice.Mouse], since detours: Int) {
    state.withLock { state in
      guard state.detours == detours, detours.isMultiple(of: 2) else { return }
      state.hasTablet = mice.contains { $0.current && $0.absolute }
      state.detour = MouseDetour(mice)
    }
  }

  // MARK: To the guest

  /// Sends what waits whenever it is woken, until the connection ends.
  ///
  /// - Parameter lookAtMachine: asks what the machine is doing, because QEMU refused a command.
  /// - Returns: why it ended.
  func deliver(
    to connection: any QMPConnection, _ wakeups: AsyncStream<Void>,
    lookAtMachine: () async throws(QMPError) -> Void
  ) async -> QMPError? {
    for await _ in wakeups {
      do throws(QMPError) {
        while let sent = try await deliverNext(to: connection, limit: .max, lookAtMachine) {
          guard sent.contains(where: \.isKey), state.withLock({ $0.queue.startsWithKey }) else {
            continue
          }
          try? await Task.sleep(for: Self.keyPause * sent.count)
        }
      } catch {
        return error
      }
    }
    return connection.failure
  }

  /// Lets go of what is down in a guest that was left, as far as QEMU takes it.
  func release(on connection: any QMPConnection) async {
    let releases = state.withLock { state in
      defer { state.leftDown = [] }
      return state.leftDown + state.queue.reset()
    }
    for start in stride(from: 0, to: releases.count, by: InputQueue.changesAtOnce) {
      let some = releases[start..<min(start + InputQueue.changesAtOnce, releases.count)]
      do {
        _ = try await connection.execute(
          InputSendEvent(some.flatMap(\.inputEvents)), timeout: Self.endTimeout)
      } catch {
        return
      }
    }
  }

  /// Sends one command. One that is refused is sent again in pieces: QEMU does none of it when one
  /// event has no device, or a name that only newer versions know.
  ///
  /// - Returns: what was taken from the queue; `nil` when there was nothing.
  private func deliverNext(
    to connection: any QMPConnection, limit: Int,
    _ lookAtMachine: () async throws(QMPError) -> Void
  ) async throws(QMPError) -> [GuestInputEvent]? {
    let (items, detour) = state.withLock { state -> ([GuestInputEvent], MouseDetour?) in
      guard state.machineRefusal == nil else { return ([], nil) }
      var items = state.queue.take(limit: limit)
      if !items.isEmpty { state.sentAt = .now }
      guard let detour = state.detour, let index = items.firstIndex(where: detour.isNeeded) else {
        return (items, nil)
      }
      // One by one, so that nothing else goes that way.
      let count = max(1, index)
      state.queue.putBack(Array(items[count...]))
      items.removeSubrange(count...)
      return (items, index == 0 ? detour : nil)
    }
    if items.isEmpty { return nil }
    defer { state.withLock { $0.sentAt = nil } }
    do {
      try await send(items, to: connection, detour)
      return items
    } catch .refused {
      try await lookAtMachine()
    }
    let (isPaused, unknown) = state.withLock { state -> (Bool, Keycode?) in
      state.queue.putBack(items)
      if state.machineRefusal != nil {
        state.queue.keepReleases()
        return (true, nil)
      }
      return (false, items.count == 1 ? state.leaveOut(items[0]) : nil)
    }
    if let unknown { events.tell(.unknownKey(unknown)) }
    if isPaused { return nil }
    if items.count > 1 {
      for _ in items { _ = try await deliverNext(to: connection, limit: 1, lookAtMachine) }
    }
    return items
  }

  private func send(
    _ items: [GuestInputEvent], to connection: any QMPConnection, _ detour: MouseDetour?
  ) async throws(QMPError) {
    let command = InputSendEvent(items.flatMap(\.inputEvents))
    guard let detour else {
      _ = try await connection.execute(command, timeout: Self.answerTimeout)
      return
    }
    state.withLock { $0.detours += 1 }
    await Self.select(detour.mouse, connection)
    let result: Result<Void, QMPError>
    do throws(QMPError) {
      _ = try await connection.execute(command, timeout: Self.answerTimeout)
      result = .success(())
    } catch {
      result = .failure(error)
    }
    // A task of its own, which the control's end does not cancel: the guest would be left without
    // its tablet.
    await Task { await Self.select(detour.tablet, connection) }.value
    state.withLock { $0.detours += 1 }
    try result.get()
  }

  /// Selects a pointing device of QEMU's. Where that fails the one before gets what comes, and a
  /// connection that has ended says so at the next command.
  private static func select(_ mouse: Int, _ connection: any QMPConnection) async {
    _ = try? await connection.execute(
      HumanMonitorCommand.selectMouse(mouse), timeout: endTimeout)
  }
}

/// How a guest with a tablet gets what QEMU's tablets do not pass on: by the mainboard's PS/2 mouse,
/// which has both wheels and five buttons, but is asked only while it is the selected one.
struct MouseDetour: Hashable {
  /// The PS/2 mouse's number in `query-mice`.
  let mouse: Int
  /// The tablet's number. The tablet is selected at all other times.
  let tablet: Int
  /// QEMU's USB tablet has three buttons, virtio's five.
  let hasSideButtons: Bool

  /// `nil` when the guest uses no tablet, or has no such mouse.
  init?(_ mice: [QueryMice.Mouse]) {
    guard let tablet = mice.first(where: { $0.current && $0.absolute }),
      let mouse = mice.first(where: { $0.name == "QEMU PS/2 Mouse" })
    else { return nil }
    self.mouse = mouse.index
    self.tablet = tablet.index
    hasSideButtons = tablet.name != "QEMU HID Tablet"
  }

  /// Whether something has to go this way.
  func isNeeded(for event: GuestInputEvent) -> Bool {
    switch event {
    case .wheel(.horizontal, _): true
    case .button(.side, _), .button(.extra, _): !hasSideButtons
    default: false
    }
  }
}

extension MonotonicInstant {
  fileprivate func age(at now: MonotonicInstant) -> Duration {
    .nanoseconds(now.nanoseconds(since: self))
  }
}

extension GuestInputEvent {
  fileprivate var isKey: Bool {
    if case .key = self { true } else { false }
  }
}
