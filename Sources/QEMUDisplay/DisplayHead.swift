// SPDX-License-Identifier: Apache-2.0

import CLinux
import GuestInput
import LinuxSystem
import Synchronization
import VGPUDisplay

/// One head of a guest's display: the picture and the input of one console, over all connections. Its
/// tasks refer to this object only, and its owner ends them.
final class DisplayHead: Sendable {
  let number: Int
  let picture: ConsolePicture
  let input: ConsoleInput
  private let guest: String
  private let first = FirstOutcome()
  private let state = Mutex(State())

  private struct State {
    var doubts: Task<Void, Never>?
    var listening: Task<Void, Never>?
    var session: DisplaySession?
    var listener: PeerConnection?
    var console: UInt32?
    var wanted: Wanted?
    var isStopped = false
  }

  private struct Wanted {
    let size: PixelSize
    let width: Int
    let height: Int
  }

  /// How long a guest may be without a picture before QEMU is asked for it again. A guest that
  /// exchanges its buffers lets go of one before it shows the next.
  private static let silence = Duration.milliseconds(300)
  /// How long QEMU has for telling a picture of a new size by itself, and the pause between two
  /// registrations.
  private static let patience = Duration.milliseconds(50)
  /// How often, `patience` apart, it is looked whether there is another listener.
  private static let looks = 20

  init(_ number: Int, of guest: String, detour: InputDetour) throws(SystemCallError) {
    picture = try ConsolePicture()
    input = ConsoleInput(detour)
    self.number = number
    self.guest = guest
  }

  func start() {
    let task = Task.detached { [self] in await watchForDoubts() }
    state.withLock { $0.doubts = task }
  }

  func stop() {
    // The session goes with its last reference, after the releases of held keys and buttons.
    input.disconnect("closed")
    let (tasks, old) = state.withLock { state in
      state.isStopped = true
      defer { (state.session, state.listener) = (nil, nil) }
      return ([state.doubts, state.listening], (state.session, state.listener, state.console))
    }
    for task in tasks { task?.cancel() }
    // An unanswered update keeps QEMU's end open.
    picture.release()
    if let session = old.0, let listener = old.1, let console = old.2 {
      session.end(listener, of: console)
    }
    note(.failure(.connection(guest: guest, reason: "closed")))
  }

  /// Waits until the first attempt to connect is over.
  ///
  /// - Throws: why it failed.
  func firstOutcome() async throws(QEMUDisplayError) { try await first.get() }

  /// Notes how an attempt has ended.
  func note(_ outcome: Result<Void, QEMUDisplayError>) { first.note(outcome) }

  // MARK: For the follower

  /// Shows this head's console in a new connection. What fails is tried again while the connection lasts:
  /// a busy QEMU may not answer in time.
  ///
  /// - Parameter consoles: the connection's graphical consoles.
  func attach(
    _ session: DisplaySession, _ consoles: [DisplayConsole], failures: Int = 0
  ) async {
    do throws(QEMUDisplayError) {
      guard consoles.indices.contains(number) else {
        throw .noConsole(guest: guest, head: number, heads: consoles.count)
      }
      try await attach(session, consoles[number].id)
      note(.success(()))
    } catch {
      // A newer connection is not ended by an older one's failure.
      guard state.withLock({ $0.session == nil || $0.session === session }) else { return }
      detach("\(error)")
      note(.failure(error))
      if case .noConsole = error { return }
      let pause = RetryPause.after(failures)
      let task = Task.detached { [self] in
        guard (try? await Task.sleep(for: pause)) != nil, !session.hasEnded else { return }
        await attach(session, consoles, failures: failures + 1)
      }
      state.withLock { state in
        if state.isStopped || state.session != nil { task.cancel() } else { state.listening = task }
      }
    }
  }

  private func attach(_ session: DisplaySession, _ console: UInt32) async throws(QEMUDisplayError) {
    try await onThread { () throws(QEMUDisplayError) in try session.lookAtPointer(of: console) }
    let isStopped = state.withLock { state in
      if !state.isStopped { (state.session, state.console) = (session, console) }
      return state.isStopped
    }
    if isStopped { throw .connection(guest: guest, reason: "closed") }
    try await listen(session, console)
    guard state.withLock({ $0.session === session }), !session.hasEnded else {
      throw .connection(guest: guest, reason: "ended")
    }
    picture.explainSilence("Connected to QEMU's display, which has shown no picture yet.")
    input.connect(session, console)
    let task = Task.detached { [self] in await keepListening(session, console) }
    state.withLock { state in
      if state.session === session { state.listening = task } else { task.cancel() }
    }
    if let wanted = state.withLock(\.wanted) {
      try? await onThread { () throws(QEMUDisplayError) in
        try Self.ask(session, console, wanted)
      }
    }
  }

  /// Lets a connection go.
  ///
  /// - Parameters:
  ///   - reason: why there is no picture, and no input.
  ///   - inputReason: why there is no input, when another text says it better.
  func detach(_ reason: String, input inputReason: String? = nil) {
    input.disconnect(inputReason ?? reason)
    let (task, listener) = state.withLock { state in
      defer {
        (state.session, state.listener, state.console, state.listening) = (nil, nil, nil, nil)
      }
      return (state.listening, state.listener)
    }
    task?.cancel()
    picture.forgetListeners()
    picture.release()
    listener?.close()
    picture.clear(reason)
  }

  // MARK: Listening

  private func listen(
    _ session: DisplaySession, _ console: UInt32
  ) async throws(QEMUDisplayError) {
    let picture = picture
    await session.waitForEnding(of: console)
    let listener = try await onThread { () throws(QEMUDisplayError) in
      try session.listen(to: console, picture)
    }
    let old = state.withLock { state -> PeerConnection? in
      guard state.session === session else { return listener }
      defer { state.listener = listener }
      return state.listener
    }
    // QEMU lets go of all keys when a listener ends.
    if old != nil { input.releaseAll() }
    old?.close()
  }

  /// Listens again whenever the listener ends before its connection.
  private func keepListening(_ session: DisplaySession, _ console: UInt32) async {
    while !Task.isCancelled, !session.hasEnded {
      guard let listener = state.withLock({ $0.session === session ? $0.listener : nil }) else {
        return
      }
      if listener.hasEnded {
        await end(listener)
        try? await listen(session, console)
        try? await Task.sleep(for: Self.patience)
      } else {
        await session.waitForEnd(orOf: listener)
      }
    }
  }

  /// Asks for the picture again when it may be out of date, or when the guest has let go of it and shows
  /// no other: a guest that flips may fall silent because QEMU has dropped its next frame. QEMU sends its
  /// picture to every new listener. When there is none, the screen is off.
  private func watchForDoubts() async {
    // A QEMU whose OpenGL cannot share pictures tells of changes for ever, and never has one.
    var failures = 0
    for await _ in picture.doubts {
      let pause =
        failures > 0
        ? RetryPause.after(failures - 1)
        : picture.isDisabled ? Self.silence : Self.patience
      guard (try? await Task.sleep(for: pause)) != nil else { return }
      guard await askAgain() else {
        failures = 0
        continue
      }
      guard (try? await Task.sleep(for: picture.isDisabled ? Self.silence : Self.patience)) != nil
      else { return }
      guard isDoubtful else {
        failures = 0
        continue
      }
      failures += 1
      if picture.isDisabled {
        picture.clear("")
      } else if failures > 1 {
        picture.explainLack("\(QEMUDisplayError.noSharedPicture(guest: guest))")
      }
    }
  }

  private var isDoubtful: Bool {
    let (session, console) = state.withLock { ($0.session, $0.console) }
    guard let session, let console else { return false }
    return picture.isDoubtful(session.size(of: console))
  }

  /// Has the listener replaced when the picture is in doubt, and waits until it is.
  ///
  /// - Returns: whether there was a doubt.
  private func askAgain() async -> Bool {
    guard isDoubtful, let listener = state.withLock(\.listener) else { return false }
    await end(listener)
    for _ in 0..<Self.looks where state.withLock({ $0.listener === listener }) {
      try? await Task.sleep(for: Self.patience)
    }
    return true
  }

  /// Ends a listener, after which `keepListening` makes another.
  ///
  /// QEMU 7.2 forgets a client's listener when the client registers another, but goes on to answer
  /// for its end, and dies of that when an update was under way. So QEMU ends it first.
  private func end(_ listener: PeerConnection) async {
    // An unanswered update keeps QEMU's end open.
    picture.release()
    await listener.endInOrder()
  }

  // MARK: Size

  func resize(
    to size: PixelSize, millimetres: (width: Int, height: Int)
  ) throws(QEMUDisplayError) {
    let wanted = Wanted(size: size, width: millimetres.width, height: millimetres.height)
    let (session, console) = state.withLock { state in
      state.wanted = wanted
      return (state.session, state.console)
    }
    if let session, let console { try Self.ask(session, console, wanted) }
  }

  private static func ask(
    _ session: DisplaySession, _ console: UInt32, _ wanted: Wanted
  ) throws(QEMUDisplayError) {
    try session.setSize(
      of: console, width: UInt32(clamping: wanted.size.width),
      height: UInt32(clamping: wanted.size.height), widthMM: UInt16(clamping: wanted.width),
      heightMM: UInt16(clamping: wanted.height))
  }

  /// Runs a function that waits on a thread of its own.
  private func onThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws(QEMUDisplayError) -> Value
  ) async throws(QEMUDisplayError) -> Value {
    try await LinuxSystem.onThread(for: guest, failing: QEMUDisplayError.system, body)
  }
}
