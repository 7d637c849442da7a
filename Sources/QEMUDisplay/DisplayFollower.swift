// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization

/// Keeps the pictures of a guest's heads coming over one connection: connects to QEMU's display, and
/// connects again when QEMU ends. Its task refers to this object only, and its owner ends it.
final class DisplayFollower: Sendable {
  private let connector: any DisplayConnector
  let guest: String
  private let first = FirstOutcome()
  private let state = Mutex(State())

  private struct State {
    var task: Task<Void, Never>?
    var session: DisplaySession?
    var run: DisplayRun?
    var consoles: [DisplayConsole] = []
    var onConsoles: (@Sendable ([DisplayConsole]) -> Void)?
    var heads: [ObjectIdentifier: DisplayHead] = [:]
    var sounds: [SoundPlace: DisplaySound] = [:]
    var name: String?
    /// Ends the wait of a client whose display another program has; there is one meanwhile.
    var takeBack: AsyncStream<Void>.Continuation?
    var isStopped = false
  }

  /// How long a process that is being killed may take from the end of its sockets to its own.
  private static let patience = Duration.milliseconds(50)

  init(_ connector: any DisplayConnector, guest: String) {
    self.connector = connector
    self.guest = guest
  }

  var name: String { state.withLock(\.name) ?? guest }

  var consoles: [DisplayConsole] {
    let (session, consoles) = state.withLock { ($0.session, $0.consoles) }
    return consoles.map { session?.update($0) ?? $0 }
  }

  var onConsoles: (@Sendable ([DisplayConsole]) -> Void)? {
    get { state.withLock(\.onConsoles) }
    set { state.withLock { $0.onConsoles = newValue } }
  }

  /// Why a direction of the guest's sound is silent; `nil` when none is.
  var soundProblem: QEMUDisplayError? {
    state.withLock(\.sounds).values.lazy.compactMap(\.problem).first
  }

  func start() {
    let task = Task.detached { [self] in await follow() }
    state.withLock { $0.task = task }
  }

  func stop() {
    let (task, heads, sounds) = state.withLock { state in
      state.isStopped = true
      defer {
        (state.session, state.heads, state.onConsoles) = (nil, [:], nil)
        state.sounds = [:]
      }
      return (state.task, state.heads, state.sounds)
    }
    task?.cancel()
    for sound in sounds.values { sound.stop() }
    for head in heads.values { head.stop() }
  }

  /// Waits until the first attempt to connect is over.
  ///
  /// - Throws: why it failed.
  func firstOutcome() async throws(QEMUDisplayError) { try await first.get() }

  var isTakenOver: Bool { state.withLock { $0.takeBack != nil } }

  /// Connects again, if another program has the display.
  func takeBack() { state.withLock { $0.takeBack.take() }?.yield() }

  // MARK: Heads

  /// Shows a head in this connection and in later ones.
  ///
  /// - Throws: `QEMUDisplayError.shownAlready`: of two listeners of one console, QEMU has one.
  func add(_ head: DisplayHead) throws(QEMUDisplayError) {
    let (isNew, session, consoles) = state.withLock {
      state -> (Bool, DisplaySession?, [DisplayConsole]) in
      if state.heads.values.contains(where: { $0.number == head.number }) {
        return (false, nil, [])
      }
      if !state.isStopped { state.heads[ObjectIdentifier(head)] = head }
      return (true, state.session, state.consoles)
    }
    guard isNew else { throw .shownAlready(guest: guest, head: head.number) }
    if let session { Task.detached { await head.attach(session, consoles) } }
  }

  func remove(_ head: DisplayHead) {
    state.withLock { $0.heads[ObjectIdentifier(head)] = nil }
  }

  // MARK: Sound

  /// Has a direction of the guest's sound sent to another listener in this connection and in later ones, or
  /// to none.
  func exchange(_ place: SoundPlace, for new: DisplaySound?) {
    let (old, session) = state.withLock { state in
      if state.isStopped { return (new, nil as DisplaySession?) }
      defer { state.sounds[place] = new }
      return (state.sounds[place], state.session)
    }
    old?.stop()
    if let session { new?.attach(session) }
  }

  private var heads: [DisplayHead] { state.withLock { Array($0.heads.values) } }

  private func detach(_ reason: String, input: String? = nil) {
    for head in heads { head.detach(reason, input: input) }
  }

  private func note(_ outcome: FirstOutcome.Value) {
    first.note(outcome)
    // A head's success is its own: the console may not be there.
    if case .failure = outcome { for head in heads { head.note(outcome) } }
  }

  // MARK: Following

  private func follow() async {
    var failures = 0
    while !Task.isCancelled {
      do throws(QEMUDisplayError) {
        let session = try await connect()
        note(.success(()))
        let begin = MonotonicInstant.now
        await session.waitForEnd()
        // A process that is being killed closes its sockets before it counts as ended.
        try? await Task.sleep(for: Self.patience)
        // Of two programs that take a domain's display from each other, none does so often.
        if begin.duration(to: .now) >= RetryPause.longest * 2 { failures = 0 }
        // What this side has ended is nobody's who took it.
        let isTaken = session.hasHungUp && !session.wasEndedHere
        let run = state.withLock { state in
          (state.session, state.consoles) = (nil, [])
          return state.run
        }
        if isTaken, let run, await !run.hasEnded(), await isTakenBack(during: run) {
          detach("\(guest): taking QEMU's display back.")
          failures = 0
          continue
        }
        detach(
          "\(guest): QEMU's display has ended. Waiting for it to come back.",
          input: "QEMU's display has ended")
      } catch {
        detach("\(error)", input: "QEMU's display has ended")
        note(.failure(error))
      }
      if Task.isCancelled { return }
      let pause = RetryPause.after(failures)
      failures += 1
      try? await Task.sleep(for: pause)
    }
    note(.failure(.connection(guest: guest, reason: "closed")))
  }

  /// Waits while another program has the display. Two programs that both took it back by themselves would
  /// do so for ever.
  ///
  /// - Parameter run: QEMU's.
  /// - Returns: whether it is to be taken back; else QEMU has ended.
  private func isTakenBack(during run: DisplayRun) async -> Bool {
    let (answers, answer) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    state.withLock { $0.takeBack = answer }
    detach("\(QEMUDisplayError.takenOver(guest: guest))")
    let watch = Task.detached {
      await run.waitForEnd()
      answer.finish()
    }
    defer {
      watch.cancel()
      state.withLock { $0.takeBack = nil }
    }
    for await _ in answers { return true }
    return false
  }

  private func connect() async throws(QEMUDisplayError) -> DisplaySession {
    let end = try await connector.connect()
    let guest = guest
    let changed = { @Sendable [weak self] (change: ConsoleChange) in
      for head in self?.heads ?? [] {
        switch change {
        case .size: head.picture.doubt()
        case .pointer: head.input.changed()
        }
      }
    }
    let (session, consoles) = try await onThread(for: guest, failing: QEMUDisplayError.system) {
      () throws(QEMUDisplayError) in
      guard let socket = end.takeSocket() else {
        throw .connection(guest: guest, reason: "no socket")
      }
      let session = try DisplaySession(
        owning: socket, guest: guest, hasTouchScreen: end.hasTouchScreen, onChange: changed)
      return (session, try session.consoles())
    }
    let (heads, isStopped, tell, sounds) = state.withLock { state in
      if !state.isStopped {
        (state.session, state.run, state.consoles) = (session, end.run, consoles)
        state.name = session.name
      }
      return (Array(state.heads.values), state.isStopped, state.onConsoles, state.sounds)
    }
    if isStopped {
      session.close()
      throw .connection(guest: guest, reason: "closed")
    }
    // QEMU answers one after the other anyway.
    for head in heads { await head.attach(session, consoles) }
    for sound in sounds.values { sound.attach(session) }
    tell?(consoles)
    return session
  }
}

/// The pauses between attempts at what QEMU has refused or not answered.
enum RetryPause {
  private static let all: [Duration] = [.milliseconds(250), .seconds(1), .seconds(2)]
  /// The pause that repeats.
  static let longest = Duration.seconds(5)

  /// - Parameter failures: how many attempts failed before the last one.
  static func after(_ failures: Int) -> Duration {
    all.indices.contains(failures) ? all[failures] : longest
  }
}

/// The two listeners of a guest's sound.
enum SoundPlace {
  case output
  case microphone
}
