// SPDX-License-Identifier: Apache-2.0

import GuestInput
import LinuxSystem
import QMP
import Synchronization
import SystemPackage

/// What a control knows, under its lock.
struct ControlState {
  var queue = InputQueue()
  var monitor: (any QMPConnection)?
  var machine = MachineState.unknown
  var hasAbsolutePointer = false
  /// To the mouse beside the tablet, and how often one began or ended: odd while on one.
  var detour: MouseDetour?
  var detours = 0
  /// Why there is no monitor.
  var reason = QMPUnavailable.unknown.description
  /// Keys that this QEMU has no name for, or no device.
  var unknownKeys: Set<Keycode> = []
  /// Wakes the sender; there is one while there is a monitor.
  var wakeup: AsyncStream<Void>.Continuation?
  /// When the command was sent that is not answered yet.
  var sentAt: MonotonicInstant?
  var lastUse = MonotonicInstant(nanoseconds: 0)
  var supervisor: Task<Void, Never>?
  var isClosed = false
  var streams: [Int: AsyncStream<GuestEvent>.Continuation] = [:]
  var nextStream = 0

  /// - Returns: what wakes the sender, where it has something to do.
  mutating func afterChange() -> AsyncStream<Void>.Continuation? {
    if machine.reasonAgainstInput != nil { queue.keepReleases() }
    // While an answer is awaited the sender is awake.
    return queue.isEmpty || sentAt != nil ? nil : wakeup
  }

  mutating func disconnect() {
    monitor = nil
    wakeup?.finish()
    wakeup = nil
    queue.reset()
    unknownKeys = []
    sentAt = nil
    hasAbsolutePointer = false
    detour = nil
  }

  /// Leaves out what QEMU refuses by itself: the first of the queue.
  ///
  /// - Returns: the key that it is, if it is one.
  mutating func leaveOut(_ item: InputQueue.Item) -> Keycode? {
    switch item {
    case .change(let what, _):
      queue.forget(what)
      guard case .key(let key) = what, unknownKeys.insert(key).inserted else { return nil }
      return key
    case .absolute, .relative, .wheel:
      _ = queue.take(limit: 1)
      return nil
    }
  }
}

/// What a control does, apart from the control itself, whose last reference ends it: the task in
/// here refers to this object only.
final class ControlCore: Sendable {
  private let state = Mutex(ControlState())

  /// The pauses between attempts to connect, in seconds; the last is for all that follow.
  private static let pauses: [Int] = [1, 2, 4, 5]
  /// How often the guest's mouse is looked for, and how long after the last use.
  private static let lookInterval = Duration.seconds(1)
  private static let useSeconds = 5.0
  /// An answer that takes longer than this is worth telling a person.
  private static let patienceSeconds = 2.0
  /// What was sent will be carried out, however long QEMU is stopped: giving up on the answer would
  /// only leave in doubt what is down.
  private static let answerTimeout = Duration.seconds(1 << 30)
  /// For questions.
  private static let questionTimeout = Duration.seconds(10)
  /// For selecting a mouse, which a control's end waits for.
  private static let selectionTimeout = Duration.seconds(2)
  /// How long a guest has for each key while more wait, so that its keyboard does not overflow.
  private static let keyPause = Duration.milliseconds(2)

  // MARK: For the window

  func send(_ event: GuestInputEvent) {
    let now = MonotonicInstant.now
    var unknown: Keycode?
    let wakeup = state.withLock { state -> AsyncStream<Void>.Continuation? in
      state.lastUse = now
      guard state.monitor != nil else { return nil }
      if case .key(let key, let down) = event {
        if state.unknownKeys.contains(key) { return nil }
        if key.qKeyCode == nil {
          // The release of a key that was never pressed is no news.
          if down, state.unknownKeys.insert(key).inserted { unknown = key }
          return nil
        }
      }
      state.queue.append(event)
      return state.afterChange()
    }
    if let unknown { tell(.unknownKey(unknown)) }
    wakeup?.yield()
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
      guard state.monitor != nil else { return .viewOnly(reason: state.reason) }
      if let reason = state.machine.reasonAgainstInput { return .viewOnly(reason: reason) }
      if let sentAt = state.sentAt, now.seconds(since: sentAt) > Self.patienceSeconds {
        return .viewOnly(reason: "QEMU does not answer: it is stopped or overloaded")
      }
      return .ready(hasAbsolutePointer: state.hasAbsolutePointer)
    }
  }

  var machine: MachineState { state.withLock(\.machine) }

  func events() -> AsyncStream<GuestEvent> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: GuestEvent.self, bufferingPolicy: .bufferingNewest(256))
    let (id, isClosed) = state.withLock { state in
      state.nextStream += 1
      if !state.isClosed { state.streams[state.nextStream] = continuation }
      return (state.nextStream, state.isClosed)
    }
    if isClosed { continuation.finish() }
    continuation.onTermination = { [weak self] _ in
      _ = self?.state.withLock { $0.streams.removeValue(forKey: id) }
    }
    return stream
  }

  func currentMonitor() throws(QMPError) -> any QMPConnection {
    let (monitor, reason) = state.withLock { ($0.monitor, $0.reason) }
    guard let monitor else { throw .disconnected(object: reason) }
    return monitor
  }

  // MARK: The connection

  func follow(_ endpoint: QMPEndpoint?) {
    let connector = endpoint?.connector
    state.withLock { state in
      guard !state.isClosed else { return }
      let old = state.supervisor
      old?.cancel()
      state.disconnect()
      state.machine = .unknown
      state.reason =
        connector == nil ? QMPUnavailable.unknown.description : "connecting to QEMU"
      state.supervisor = Task(priority: .userInitiated) { [self] in
        // One after the other: what the old one still does must not be taken for the new one's.
        await old?.value
        if let connector { await supervise(connector) }
      }
    }
  }

  /// Ends everything, and does not wait for it.
  @discardableResult
  func stop() -> Task<Void, Never>? {
    let (supervisor, streams) = state.withLock { state in
      state.isClosed = true
      state.disconnect()
      state.reason = "closed"
      defer { state.streams = [:] }
      return (state.supervisor, Array(state.streams.values))
    }
    supervisor?.cancel()
    for stream in streams { stream.finish() }
    return supervisor
  }

  func close() async { await stop()?.value }

  private func supervise(_ connector: any QMPConnector) async {
    var failures = 0
    while !Task.isCancelled {
      do throws(QMPUnavailable) {
        let monitor = try await connector.connect()
        if let error = await serve(monitor, isConnected: { failures = 0 }) {
          noteEnd(.socket(error))
        }
        await monitor.close()
      } catch {
        noteEnd(error)
      }
      let pause = Self.pauses[min(failures, Self.pauses.count - 1)]
      failures += 1
      try? await Task.sleep(for: .seconds(pause))
    }
  }

  private func noteEnd(_ error: QMPUnavailable) {
    if Task.isCancelled { return }
    let news = state.withLock { state -> String? in
      state.disconnect()
      // It says more than that QEMU is gone, which is but the consequence.
      let hasPoweredOff = state.machine == .poweredOff
      if !hasPoweredOff { state.machine = .unknown }
      let reason = hasPoweredOff && error.isGone ? "the guest has powered off" : error.description
      defer { state.reason = reason }
      return state.reason == reason ? nil : reason
    }
    if let news { tell(.disconnected(reason: news)) }
  }

  /// Uses a monitor until it ends.
  ///
  /// - Returns: why it has ended; `nil` where that is this side's will.
  private func serve(
    _ monitor: any QMPConnection, isConnected: () -> Void
  ) async -> QMPError? {
    let events = monitor.events()
    let (wakeups, wakeup) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    do {
      try await look(monitor)
    } catch {
      return error
    }
    let isWanted = state.withLock { state in
      // Whoever stops or leads elsewhere cancels this task under the lock or after it.
      guard !Task.isCancelled, !state.isClosed else { return false }
      state.monitor = monitor
      state.wakeup = wakeup
      state.reason = ""
      return true
    }
    guard isWanted else { return nil }
    isConnected()
    tell(.connected)
    return await withTaskGroup(of: QMPError?.self) { group in
      group.addTask { await self.deliver(to: monitor, wakeups) }
      group.addTask { await self.keepLooking(monitor) }
      group.addTask {
        for await event in events { self.note(event) }
        return monitor.failure
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }

  // MARK: Input, to the guest

  private func deliver(
    to monitor: any QMPConnection, _ wakeups: AsyncStream<Void>
  ) async -> QMPError? {
    for await _ in wakeups {
      do throws(QMPError) {
        while let sent = try await deliverNext(to: monitor, limit: .max) {
          guard sent.contains(where: \.isKey), state.withLock({ $0.queue.startsWithKey }) else {
            continue
          }
          try? await Task.sleep(for: Self.keyPause * sent.count)
        }
      } catch {
        return error
      }
    }
    return monitor.failure
  }

  /// Sends one command. One that is refused is sent again in pieces: QEMU does none of it when one
  /// event has no device, or a name that only newer versions know.
  ///
  /// - Returns: what was taken from the queue; `nil` where there was nothing.
  private func deliverNext(
    to monitor: any QMPConnection, limit: Int
  ) async throws(QMPError) -> [InputQueue.Item]? {
    let (items, detour) = state.withLock { state -> ([InputQueue.Item], MouseDetour?) in
      guard state.machine.reasonAgainstInput == nil else { return ([], nil) }
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
      try await send(items, to: monitor, detour)
      return items
    } catch .refused {
      try await lookAtMachine(monitor)
    }
    let (isPaused, unknown) = state.withLock { state -> (Bool, Keycode?) in
      state.queue.putBack(items)
      if state.machine.reasonAgainstInput != nil {
        state.queue.keepReleases()
        return (true, nil)
      }
      return (false, items.count == 1 ? state.leaveOut(items[0]) : nil)
    }
    if let unknown { tell(.unknownKey(unknown)) }
    if isPaused { return nil }
    if items.count > 1 {
      for _ in items { _ = try await deliverNext(to: monitor, limit: 1) }
    }
    return items
  }

  private func send(
    _ items: [InputQueue.Item], to monitor: any QMPConnection, _ detour: MouseDetour?
  ) async throws(QMPError) {
    let command = InputSendEvent(items.flatMap(\.events))
    guard let detour else {
      _ = try await monitor.execute(command, timeout: Self.answerTimeout)
      return
    }
    state.withLock { $0.detours += 1 }
    await select(detour.mouse, monitor)
    let result: Result<Void, QMPError>
    do throws(QMPError) {
      _ = try await monitor.execute(command, timeout: Self.answerTimeout)
      result = .success(())
    } catch {
      result = .failure(error)
    }
    // A task of its own, which the control's end does not cancel: the guest would be left without
    // its tablet.
    await Task { await self.select(detour.tablet, monitor) }.value
    state.withLock { $0.detours += 1 }
    try result.get()
  }

  /// Selects a pointing device of QEMU's. Where that fails the one before gets what comes, and a
  /// monitor that has ended says so at the next command.
  private func select(_ mouse: Int, _ monitor: any QMPConnection) async {
    _ = try? await monitor.execute(
      HumanMonitorCommand.selectMouse(mouse), timeout: Self.selectionTimeout)
  }

  // MARK: The machine's state

  private func keepLooking(_ monitor: any QMPConnection) async -> QMPError? {
    while (try? await Task.sleep(for: Self.lookInterval)) != nil {
      let lastUse = state.withLock(\.lastUse)
      guard MonotonicInstant.now.seconds(since: lastUse) < Self.useSeconds else { continue }
      do {
        try await look(monitor)
      } catch .timeout {
        continue
      } catch {
        return error
      }
    }
    return nil
  }

  private func look(_ monitor: any QMPConnection) async throws(QMPError) {
    try await lookAtMachine(monitor)
    let detours = state.withLock(\.detours)
    var mice: [QueryMice.Mouse] = []
    do {
      mice = try await monitor.execute(QueryMice(), timeout: Self.questionTimeout)
    } catch .refused {
      // A QEMU that does not tell has none.
    }
    state.withLock { state in
      // During a detour the tablet is not the selected one.
      guard state.detours == detours, detours.isMultiple(of: 2) else { return }
      state.hasAbsolutePointer = mice.contains { $0.current && $0.absolute }
      state.detour = MouseDetour(mice)
    }
  }

  private func lookAtMachine(_ monitor: any QMPConnection) async throws(QMPError) {
    do {
      let status = try await monitor.execute(QueryStatus(), timeout: Self.questionTimeout).status
      set(MachineState(status: status))
    } catch .refused {
      set(.unknown)
    }
  }

  /// QEMU's QAPI, run-state.json.
  private func note(_ event: QMPEvent) {
    let isByGuest = event.data["guest"] == true
    switch event.name {
    case "STOP":
      // It is what QEMU does after a shutdown or a crash, too.
      if ![.poweredOff, .panicked].contains(machine) { set(.paused) }
    case "RESUME", "WAKEUP": set(.running)
    case "SUSPEND": set(.suspended)
    case "GUEST_PANICKED": if event.data["action"] != "run" { set(.panicked) }
    case "RESET": tell(.reset(byGuest: isByGuest))
    case "SHUTDOWN":
      set(.poweredOff)
      let cause = if case .string(let text)? = event.data["reason"] { text } else { "unknown" }
      tell(.shutdown(byGuest: isByGuest, cause: cause))
    default: break
    }
  }

  private func set(_ machine: MachineState) {
    let (isNews, wakeup) = state.withLock { state in
      defer { state.machine = machine }
      return (state.machine != machine, state.wakeup)
    }
    guard isNews else { return }
    tell(.machine(machine))
    wakeup?.yield()
  }

  private func tell(_ event: GuestEvent) {
    for stream in state.withLock({ Array($0.streams.values) }) { stream.yield(event) }
  }
}

extension InputQueue.Item {
  fileprivate var isKey: Bool {
    if case .change(.key, _) = self { true } else { false }
  }
}

extension QMPUnavailable {
  /// There is no QEMU any more, as far as can be seen.
  fileprivate var isGone: Bool {
    switch self {
    case .ended, .socket(.disconnected), .noSocket: true
    case .socket(.system(let error)):
      error.errno == .noSuchFileOrDirectory || error.errno == .connectionRefused
    default: false
    }
  }
}
