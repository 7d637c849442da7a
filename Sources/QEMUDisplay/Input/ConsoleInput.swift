// SPDX-License-Identifier: Apache-2.0

import GuestInput
import LinuxSystem
import Synchronization
import VGPUDisplay

/// Keyboard and pointer of one console, by QEMU's display.
final class ConsoleInput: InputSink {
  private let shared = Mutex(Shared())
  private let detour: InputDetour
  private let news = Broadcast<Void>()

  struct Shared {
    var queue = InputQueue()
    var session: DisplaySession?
    var console: UInt32 = 0
    /// Why there is no session.
    var absence = "connecting to QEMU's display"
    /// The last key that QEMU has not carried out, as far as is known. A QEMU that was busy would carry out
    /// all that wait at once, and the guest's keyboard would overflow.
    var awaited: UInt32?
    /// Whether a task goes on with the queue.
    var isPumped = false
  }

  /// The pause for each key while more keys wait, so that the guest's keyboard does not overflow.
  fileprivate static let keyPause = Duration.milliseconds(2)
  /// The pause until QEMU is looked at again, whether it has carried out a key.
  fileprivate static let answerPause = Duration.milliseconds(5)
  /// The pause while QEMU does not read, as when it is stopped.
  fileprivate static let silencePause = Duration.milliseconds(50)
  /// The most bytes that may wait in the socket for QEMU.
  fileprivate static let mostUnread = 50_000

  /// - Parameter detour: takes what QEMU's display does not take.
  init(_ detour: InputDetour) { self.detour = detour }

  deinit { news.finish() }

  // MARK: For the window

  func send(_ event: GuestInputEvent) -> InputReceipt {
    if takesDetour(event) { return detour.send(event, from: ObjectIdentifier(self)) }
    var isPumpDue = false
    let receipt = shared.withLock { state -> InputReceipt in
      guard state.session != nil else { return .refused }
      if case .key(let key, _) = event, key.qemuKeyNumber == nil { return .unchanged }
      guard state.queue.append(event) else { return .unchanged }
      isPumpDue = state.goOn()
      return .taken
    }
    if isPumpDue { pump() }
    return receipt
  }

  func releaseAll() {
    let isPumpDue = shared.withLock { state in
      state.queue.releaseAll()
      return state.session != nil && state.goOn()
    }
    if isPumpDue { pump() }
    detour.releaseAll(of: ObjectIdentifier(self))
  }

  /// Whether an event goes by the detour. Once that is there, the pointer's other events go by it too: the
  /// detour takes the tablet away for moments, and these events would be lost on the other way.
  private func takesDetour(_ event: GuestInputEvent) -> Bool {
    // Keys and fingers have the display's own devices, which nothing takes away.
    switch event {
    case .key, .touchDown, .touchMove, .touchUp: return false
    case .button, .absolute, .relative, .wheel: break
    }
    let (isHeldHere, hasTablet) = shared.withLock { state in
      // What went down by this way comes up by it.
      (
        event == event.release && state.queue.isHeld(event),
        state.session?.isAbsolute(state.console) == true
      )
    }
    if isHeldHere { return false }
    return detour.isReady || detour.holds(event)
      || InputDetour.isNeeded(for: event) && (hasTablet || detour.isThere)
  }

  var state: GuestInputState {
    shared.withLock { state in
      guard let session = state.session else { return .viewOnly(reason: state.absence) }
      session.noticeEnd()
      var devices: InputDevices = [.keyboard, .mouse]
      if session.isAbsolute(state.console) || detour.isReady { devices.insert(.tablet) }
      if session.hasTouchScreen { devices.insert(.touchScreen) }
      return .ready(devices)
    }
  }

  func changes() -> AsyncStream<Void> { news.stream() }

  // MARK: For the follower

  /// The console's pointer has become another one.
  func changed() { news.tell() }

  /// Sends input to this console from now on. The old guest's keys are forgotten.
  func connect(_ session: DisplaySession, _ console: UInt32) {
    shared.withLock { state in
      state.queue.reset()
      state.awaited = nil
      state.session = session
      state.console = console
    }
    news.tell()
  }

  /// Takes no more input. QEMU releases the keys by itself when its listener ends.
  func disconnect(_ reason: String) {
    shared.withLock { state in
      if let session = state.session {
        for release in state.queue.reset() { state.post(release, session) }
      }
      state.session = nil
      state.absence = reason
    }
    detour.end(of: ObjectIdentifier(self))
    news.tell()
  }

  /// Goes on with the queue when the first event may be sent.
  private func pump() {
    Task.detached { [weak self] in
      while let pause = self?.shared.withLock({ $0.pauseOrEnd() }) {
        try? await Task.sleep(for: pause)
      }
    }
  }
}

extension ConsoleInput.Shared {
  /// Sends what may be sent at once.
  ///
  /// - Returns: whether a task has to be started that goes on.
  fileprivate mutating func goOn() -> Bool {
    if isPumped { return false }
    isPumped = sendSome() != nil
    return isPumped
  }

  /// Sends what may be sent now.
  ///
  /// - Returns: how long to wait for the rest; `nil` when nothing is left.
  fileprivate mutating func pauseOrEnd() -> Duration? {
    let pause = sendSome()
    isPumped = pause != nil
    return pause
  }

  private mutating func sendSome() -> Duration? {
    while !queue.isEmpty {
      guard let session else { return nil }
      if let awaited, !session.hasCarriedOut(awaited) { return ConsoleInput.answerPause }
      if session.unread > ConsoleInput.mostUnread { return ConsoleInput.silencePause }
      let events = queue.take()
      var keys = 0
      for event in events {
        if case .key(let key, let isDown) = event {
          awaited = post(key, isDown, session)
          keys += 1
        } else {
          post(event, session)
        }
      }
      if keys > 0 { return ConsoleInput.keyPause * keys }
    }
    return nil
  }

  /// - Returns: the number of the call; `nil` when there was none.
  private func post(_ key: Keycode, _ isDown: Bool, _ session: DisplaySession) -> UInt32? {
    guard let number = key.qemuKeyNumber else { return nil }
    return session.ask(
      console, DisplayName.keyboard, isDown ? "Press" : "Release", [.uint32(number)])
  }

  fileprivate func post(_ event: GuestInputEvent, _ session: DisplaySession) {
    func post(_ interface: String, _ member: String, _ arguments: Variant...) {
      session.post(console, interface, member, arguments)
    }
    switch event {
    case .key(let key, let isDown):
      _ = self.post(key, isDown, session)
    case .button(let button, let isDown):
      post(DisplayName.mouse, isDown ? "Press" : "Release", .uint32(button.qemuNumber))
    case .absolute(let x, let y):
      let size = session.size(of: console)
      post(
        DisplayName.mouse, "SetAbsPosition", .uint32(Self.pixel(x, of: size.width)),
        .uint32(Self.pixel(y, of: size.height)))
    case .relative(let dx, let dy):
      post(
        DisplayName.mouse, "RelMotion", .int32(Int32(clamping: dx)), .int32(Int32(clamping: dy)))
    case .touchDown(let slot, let x, let y): postTouch(.begin, slot, x, y, session)
    case .touchMove(let slot, let x, let y): postTouch(.update, slot, x, y, session)
    case .touchUp(let slot): postTouch(.end, slot, 0, 0, session)
    case .wheel(let axis, let notches):
      let button = axis.qemuButton(isForward: notches > 0)
      for _ in 0..<abs(notches) {
        post(DisplayName.mouse, "Press", .uint32(button))
        post(DisplayName.mouse, "Release", .uint32(button))
      }
    }
  }

  /// What a finger does, with the display's numbers.
  private enum Touch: UInt32 {
    case begin = 0
    case update = 1
    case end = 2
  }

  private func postTouch(
    _ kind: Touch, _ slot: Int, _ x: Int, _ y: Int, _ session: DisplaySession
  ) {
    let size = session.size(of: console)
    func pixel(_ place: Int, of side: Int) -> Variant {
      .double(Double(Self.pixel(place, of: side)))
    }
    session.post(
      console, DisplayName.multiTouch, "SendEvent",
      [
        .uint32(kind.rawValue), .uint64(UInt64(clamping: slot)), pixel(x, of: size.width),
        pixel(y, of: size.height),
      ])
  }

  /// The pixel to name so that the guest's pointer is on the pixel that is meant. QEMU makes a place of
  /// 0 to 32767 of it and rounds down, and the guest rounds down once more. So the next boundary between
  /// two pixels is named, and not the one before, when the place is the middle of a pixel as wide as the
  /// console's. A guest on its vGPU may have another size than the console beside it.
  static func pixel(_ place: Int, of side: Int) -> UInt32 {
    let most = GuestInputEvent.absoluteMaximum
    if place * side / (most + 1) == 0 { return 0 }
    // A place was rounded down too: 0.65 instead of a half goes up all the same.
    return UInt32(clamping: min((place * side * 20 + most * 13) / (most * 20), side - 1))
  }
}

extension PointerButton {
  /// QEMU's number of the button.
  fileprivate var qemuNumber: UInt32 {
    switch self {
    case .left: 0
    case .middle: 1
    case .right: 2
    case .side: 5
    case .extra: 6
    }
  }
}

extension WheelAxis {
  /// QEMU's number of the button that a notch presses. Forward is down or to the right. The buttons of the
  /// horizontal wheel are not in the interface's description, but QEMU has them all the same.
  fileprivate func qemuButton(isForward: Bool) -> UInt32 {
    switch self {
    case .vertical: isForward ? 4 : 3
    case .horizontal: isForward ? 8 : 7
    }
  }
}
