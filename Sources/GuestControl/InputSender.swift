// SPDX-License-Identifier: Apache-2.0

import GuestInput
import LinuxSystem
import QMP
import Synchronization

/// Sends one guest's input over QMP. It has the queue, and so knows which keys and buttons are
/// down, and says whether input reaches the guest. It knows a connection only while `deliver` uses
/// it.
final class InputSender: Sendable {
  /// Tells when `inputState` may have changed.
  let changes = Broadcast<Void>()
  /// Tells of the first use for a while, see `isUsed`.
  let uses = Broadcast<Void>()
  private let state: Mutex<State>
  private let events: Broadcast<GuestEvent>

  /// When an answer takes longer than this, a person should know.
  private static let patience = Duration.seconds(2)
  /// Practically no limit. A stopped QEMU carries the command out later, and without the answer
  /// this object would not know which keys are down.
  private static let answerTimeout = Duration.seconds(1 << 30)
  /// For selecting a mouse and for the last releases. The end of a controller waits for these
  /// releases.
  private static let endTimeout = Duration.seconds(2)
  /// How long a use lasts.
  private static let useTime = Duration.seconds(5)
  /// The pause for each key while more keys wait, so that the guest's keyboard does not overflow.
  private static let keyPause = Duration.milliseconds(2)

  private struct State {
    var queue = InputQueue()
    /// Why there is no connection; `nil` while there is one.
    var absence: String?
    /// Why the machine takes no input; `nil` while it does.
    var machineRefusal: String?
    /// Wakes `deliver`; there is one while there is a connection.
    var wakeup: AsyncStream<Void>.Continuation?
    /// The time of the command that is not answered yet.
    var sentAt: MonotonicInstant?
    /// The keys for which this QEMU has no name or no device.
    var unknownKeys: Set<Keycode> = []
    var hasTablet = false
    /// Whether the guest has a touch screen; `nil` before QEMU was asked, once for each connection.
    var hasTouchScreen: Bool?
    /// The way to the mouse beside the tablet; `nil` when there is none.
    var detour: MouseDetour?
    /// How often a detour began or ended: odd while a detour lasts.
    var detours = 0
    var lastUse: MonotonicInstant?
    /// The releases that the old guest still needs.
    var leftDown: [GuestInputEvent] = []

    func refusal(at now: MonotonicInstant) -> String? {
      if let reason = absence ?? machineRefusal { return reason }
      guard let sentAt, sentAt.age(at: now) > InputSender.patience else { return nil }
      return "QEMU does not answer: it is stopped or overloaded"
    }

    /// - Returns: the continuation that wakes `deliver`; `nil` when `deliver` has nothing to do.
    mutating func afterChange() -> AsyncStream<Void>.Continuation? {
      if machineRefusal != nil { queue.keepReleases() }
      // While `deliver` waits for an answer, it is awake.
      return queue.isEmpty || sentAt != nil ? nil : wakeup
    }

    /// Drops the first event of the queue, which QEMU refused when it was alone in a command.
    ///
    /// - Returns: the event's key, when it is a new unknown key.
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
  ///   - events: gets an event for each key that QEMU does not know.
  init(absence reason: String, events: Broadcast<GuestEvent>) {
    state = Mutex(State(absence: reason))
    self.events = events
  }

  // MARK: For the window

  @discardableResult
  func send(_ event: GuestInputEvent) -> InputReceipt {
    let now = MonotonicInstant.now
    var unknown: Keycode?
    var wakeup: AsyncStream<Void>.Continuation?
    noteUse(at: now)
    let receipt = state.withLock { state -> InputReceipt in
      if state.refusal(at: now) != nil {
        // A key that is down must come up, even later.
        guard event == event.release, state.queue.isHeld(event) else { return .refused }
      } else if case .key(let key, let down) = event, key.qKeyCode == nil {
        // Only a press is reported: the release belongs to a key that was never pressed.
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
    noteUse(at: now)
    return state.withLock { state in
      if let reason = state.refusal(at: now) { return .viewOnly(reason: reason) }
      var devices: InputDevices = [.keyboard, .mouse]
      if state.hasTablet { devices.insert(.tablet) }
      if state.hasTouchScreen == true { devices.insert(.touchScreen) }
      return .ready(devices)
    }
  }

  private func noteUse(at now: MonotonicInstant) {
    let isFirst = state.withLock { state in
      defer { state.lastUse = now }
      return state.lastUse.map { $0.age(at: now) >= Self.useTime } ?? true
    }
    if isFirst { uses.tell() }
  }

  /// Whether a person uses the guest, or a window reads `inputState`.
  var isUsed: Bool {
    let now = MonotonicInstant.now
    return state.withLock { $0.lastUse.map { $0.age(at: now) < Self.useTime } ?? false }
  }

  // MARK: For the supervisor and the watcher

  /// Takes input from now on.
  ///
  /// - Returns: the sequence that wakes `deliver`, until `disconnect`.
  func connect() -> AsyncStream<Void> {
    let (wakeups, wakeup) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    state.withLock { state in
      state.absence = nil
      state.wakeup = wakeup
      state.leftDown = []
      // What was put back for a guest that is gone.
      state.queue.reset()
    }
    changes.tell()
    return wakeups
  }

  /// Takes no more input, and forgets which keys are down, because the next guest has none of these
  /// keys down.
  func disconnect(reason: String) {
    let wakeup = state.withLock { state in
      state.absence = reason
      if state.wakeup != nil { state.leftDown = state.queue.reset() }
      state.unknownKeys = []
      state.sentAt = nil
      state.hasTablet = false
      state.hasTouchScreen = nil
      state.detour = nil
      return state.wakeup.take()
    }
    wakeup?.finish()
    changes.tell()
  }

  /// Notes the machine's state.
  func note(_ machine: MachineState) {
    let wakeup = state.withLock { state in
      state.machineRefusal = machine.reasonAgainstInput
      return state.wakeup
    }
    wakeup?.yield()
    changes.tell()
  }

  /// The number of begun and ended detours, for `note(_:since:)`.
  var detours: Int { state.withLock(\.detours) }

  /// Notes the machine's pointing devices.
  ///
  /// - Parameter detours: the value of `detours` before QEMU was asked. An answer from the time of
  ///   a detour is ignored, because the tablet is not the selected device then.
  func note(_ mice: [QueryMice.Mouse], since detours: Int) {
    let isNews = state.withLock { state in
      guard state.detours == detours, detours.isMultiple(of: 2) else { return false }
      let had = state.hasTablet
      state.hasTablet = mice.contains { $0.current && $0.absolute }
      state.detour = MouseDetour(mice)
      return state.hasTablet != had
    }
    // A window reads the state then, which is a use: told each time, the looks would never end.
    if isNews { changes.tell() }
  }

  /// Whether QEMU was asked for a touch screen in this connection.
  var hasAskedForTouchScreen: Bool { state.withLock { $0.hasTouchScreen != nil } }

  /// Notes whether the guest has a touch screen.
  func note(touchScreen: Bool) {
    state.withLock { $0.hasTouchScreen = touchScreen }
    if touchScreen { changes.tell() }
  }

  // MARK: To the guest

  /// Sends the waiting events at each wakeup, until the connection ends.
  ///
  /// - Parameter lookAtMachine: asks for the machine's state after QEMU refused a command.
  /// - Returns: why the connection ended.
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

  /// Releases the keys and buttons of the old guest, as far as QEMU takes the events.
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

  /// Sends one command. After a refusal it sends the events one by one, because QEMU carries out
  /// none of them when one event has no device, or a name that only newer versions know.
  ///
  /// - Returns: the events that were taken from the queue; `nil` when there were none.
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
      // Send detour events one by one, so that no other event takes the detour.
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
    } catch .cancelled(let object, let command) {
      // Nobody knows whether QEMU got them. `release` must not take a release for done.
      state.withLock { $0.queue.putBack(items) }
      throw .cancelled(object: object, command: command)
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
    // A separate task, because the end of the controller must not cancel it: the guest would stay
    // without its tablet.
    await Task { await Self.select(detour.tablet, connection) }.value
    state.withLock { $0.detours += 1 }
    try result.get()
  }

  /// Selects one of QEMU's pointing devices. When that fails, the device selected before gets the
  /// events. When the connection has ended, the next command fails.
  private static func select(_ mouse: Int, _ connection: any QMPConnection) async {
    _ = try? await connection.execute(
      HumanMonitorCommand.selectMouse(mouse), timeout: endTimeout)
  }
}

/// The way for events that QEMU's tablets do not pass on: the mainboard's PS/2 mouse. The PS/2
/// mouse has both wheels and five buttons, but it works only while it is the selected device.
struct MouseDetour: Hashable {
  /// The PS/2 mouse's number in `query-mice`.
  let mouse: Int
  /// The tablet's number. The tablet is selected at all other times.
  let tablet: Int
  /// Whether the tablet has five buttons. QEMU's USB tablet has three, the virtio tablet five.
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

  /// Whether the event must take the detour.
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
