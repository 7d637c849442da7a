// SPDX-License-Identifier: Apache-2.0

import ErrorKinds
public import LinuxSystem
import Synchronization

/// A connection to the agent of a guest: its clipboards, files for it, the sizes of its monitors.
///
/// Any thread may call any method, and none blocks: also a thread that draws. All functions that the
/// caller gives are called on the connection's own thread, one at a time, in the order in which things
/// happened; while one runs, the connection stands still. After `close` they may be called on the thread of
/// the caller.
///
/// Nothing that a guest says is believed: contents have 64 MiB at most, only what was asked for is kept,
/// and a guest that says too much is read later.
public final class AgentClient: Sendable {
  private let core: AgentCore

  /// Connects to a guest's agent, and connects again after each end until `close`. Returns at once.
  ///
  /// - Parameters:
  ///   - connector: makes the connections.
  ///   - onEvent: called with everything that happens.
  /// - Throws: `AgentError.system` when this process may have no more descriptors or threads.
  public convenience init(
    _ connector: any AgentConnector,
    onEvent: @escaping @Sendable (AgentEvent) -> Void = { _ in }
  ) throws(AgentError) {
    try self.init(connector, isRepeated: true, goodbye: Self.goodbye, onEvent)
  }

  /// Speaks to a guest's agent on a socket that is connected already, until the socket's end.
  ///
  /// - Parameters:
  ///   - socket: a stream socket. The connection owns it and closes it.
  ///   - name: its name in messages.
  ///   - onEvent: called with everything that happens.
  /// - Throws: as the other initializer does.
  public convenience init(
    owning socket: consuming OwnedFileDescriptor, name: String,
    onEvent: @escaping @Sendable (AgentEvent) -> Void = { _ in }
  ) throws(AgentError) {
    try self.init(owning: socket, name: name, goodbye: Self.goodbye, onEvent: onEvent)
  }

  /// The same with another patience for a guest that does not read at the end.
  convenience init(
    owning socket: consuming OwnedFileDescriptor, name: String, goodbye: Duration,
    onEvent: @escaping @Sendable (AgentEvent) -> Void
  ) throws(AgentError) {
    try self.init(ConnectedSocket(socket, name), isRepeated: false, goodbye: goodbye, onEvent)
  }

  private static let goodbye = Duration.seconds(1)

  private init(
    _ connector: any AgentConnector, isRepeated: Bool, goodbye: Duration,
    _ onEvent: @escaping @Sendable (AgentEvent) -> Void
  ) throws(AgentError) {
    do throws(SystemCallError) {
      core = try AgentCore(connector, isRepeated: isRepeated, goodbye: goodbye, onEvent: onEvent)
      try AgentThread.start(core)
    } catch {
      throw .system(error)
    }
  }

  deinit { close() }

  /// Ends the connection: the agent is told, files on their way are cancelled, and everything that waits
  /// fails. Returns at once.
  public func close() {
    core.change { shared, _ in shared.isClosing = true }
  }

  /// Ends the connection as `close` does, and waits until its socket is closed: when a guest reads what it is
  /// told, all of it is on its way then. A guest that reads nothing is waited for a second at most. Call it
  /// before the process ends.
  public func closeAndWait() async {
    close()
    let core = core
    await withCheckedContinuation { continuation in
      let hasEnded = core.shared.withLock { shared in
        if !shared.hasEnded { shared.ending.append(continuation) }
        return shared.hasEnded
      }
      if hasEnded { continuation.resume() }
    }
  }

  // MARK: State

  /// The connection's state now.
  public var state: AgentState { core.shared.withLock(\.state) }

  /// Waits until the agent is there, or until the connection was closed.
  ///
  /// - Parameter time: how long to wait.
  /// - Returns: the state then.
  public func stateAfterWaiting(atMost time: Duration) async -> AgentState {
    let core = core
    return await withCheckedContinuation { continuation in
      let (id, now): (UInt64, AgentState?) = core.shared.withLock { shared in
        if shared.state.capabilities != nil || shared.state == .closed || shared.hasEnded {
          return (0, shared.state)
        }
        let id = shared.newID()
        shared.waiting[id] = continuation
        return (id, nil)
      }
      if let now { return continuation.resume(returning: now) }
      Task.detached {
        try? await Task.sleep(for: time)
        let (waiting, state) = core.shared.withLock {
          ($0.waiting.removeValue(forKey: id), $0.state)
        }
        waiting?.resume(returning: state)
      }
    }
  }

  /// What the guest has in a clipboard now; `nil` when the host was last, and when it is empty.
  public func guestClipboard(_ selection: ClipboardSelection = .clipboard) -> GuestClipboard? {
    core.shared.withLock { $0.guestClipboards[selection] }
  }

  // MARK: Clipboards

  /// Offers a content of the host's to the guest, in place of what the guest has. The offer stays until
  /// somebody copies in the guest, until it is withdrawn or replaced; an agent that starts again gets it
  /// again.
  public func offer(_ offer: ClipboardOffer, in selection: ClipboardSelection = .clipboard) {
    core.change { shared, _ in
      let id = shared.newID()
      shared.offers[selection] = (id, offer)
      shared.session.offer(ClipboardSession.Offer(id: id, types: offer.types), in: selection)
    }
  }

  /// Takes an offer back. Does nothing when there is none.
  public func withdraw(_ selection: ClipboardSelection = .clipboard) {
    core.change { shared, _ in
      shared.offers[selection] = nil
      shared.session.withdraw(selection)
    }
  }

  /// Asks for what the guest has in a clipboard.
  ///
  /// - Parameters:
  ///   - type: the form, one of `guestClipboard`'s.
  ///   - selection: the clipboard.
  ///   - onProgress: called with the bytes that have come and all bytes, twenty times in a second at most.
  ///   - completion: called once.
  /// - Returns: the request, to cancel it.
  @discardableResult
  public func content(
    _ type: ClipboardType, in selection: ClipboardSelection = .clipboard,
    onProgress: (@Sendable (_ received: Int, _ total: Int) -> Void)? = nil,
    completion: @escaping @Sendable (Result<[UInt8], AgentError>) -> Void
  ) -> AgentRequest {
    let (id, isOver) = core.change { shared, now in
      let id = shared.newID()
      if shared.hasEnded { return (id, true) }
      shared.contents[id] = AgentCore.ContentRequest(
        onProgress: onProgress, completion: completion)
      shared.session.request(type, in: selection, id: id, now: now)
      return (id, false)
    }
    if isOver { completion(.failure(.closed)) }
    return AgentRequest(core: core, id: id)
  }

  /// Asks for what the guest has in a clipboard. Cancelling the task cancels the request.
  ///
  /// - Parameters:
  ///   - type: the form, one of `guestClipboard`'s.
  ///   - selection: the clipboard.
  ///   - onProgress: called with the bytes that have come and all bytes.
  /// - Throws: `AgentError`.
  public func content(
    _ type: ClipboardType, in selection: ClipboardSelection = .clipboard,
    onProgress: (@Sendable (_ received: Int, _ total: Int) -> Void)? = nil
  ) async throws(AgentError) -> [UInt8] {
    let request = Mutex<AgentRequest?>(nil)
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation {
        (continuation: CheckedContinuation<Result<[UInt8], AgentError>, Never>) in
        let made = content(type, in: selection, onProgress: onProgress) {
          continuation.resume(returning: $0)
        }
        request.withLock { $0 = made }
        if Task.isCancelled { made.cancel() }
      }
    } onCancel: {
      request.withLock(\.self)?.cancel()
    }
    return try result.get()
  }

  // MARK: Files

  /// Sends files, several at once. The guest's agent chooses the folder, and gives another name to a file
  /// whose name exists there.
  ///
  /// - Parameters:
  ///   - files: opened one after the other when their turns come.
  ///   - onProgress: called ten times in a second at most, and at the end.
  /// - Returns: the transfer, to follow and to cancel it.
  public func send(
    _ files: [AgentFile], onProgress: (@Sendable (FileTransfer.Progress) -> Void)? = nil
  ) -> FileTransfer {
    let core = core
    let (transfer, isOver) = core.change { shared, _ in
      let transfer = FileTransfer(
        id: shared.newID(), count: files.count, onProgress: onProgress
      ) { core.cancelTransfer($0) }
      if !shared.hasEnded { shared.files.add(files, transfer) }
      return (transfer, shared.hasEnded)
    }
    if isOver {
      for file in files { transfer.ended(file, .closed) }
      transfer.isOver()
    }
    return transfer
  }

  // MARK: Monitors and pointer

  /// Asks for monitors of these sizes at these places. An agent that starts again is asked again.
  public func setMonitors(_ monitors: [AgentMonitor]) {
    core.change { shared, _ in shared.session.setMonitors(monitors) }
  }

  /// Moves the pointer of a guest without a tablet (`VD_AGENT_MOUSE_STATE`). The agent needs the right to
  /// `/dev/uinput`.
  ///
  /// - Parameters:
  ///   - x: in the screen's pixels.
  ///   - y: in the screen's pixels.
  ///   - buttons: the protocol's bits: 2 left, 4 middle, 8 right, 16 wheel up, 32 wheel down.
  ///   - display: the screen's number, from 0.
  public func movePointer(x: UInt32, y: UInt32, buttons: UInt32 = 0, display: UInt8 = 0) {
    core.change { shared, _ in
      guard shared.session.capabilities?.contains(.mouseState) == true else { return }
      shared.session.send(.mouse(x: x, y: y, buttons: buttons, display: display))
    }
  }

  /// What a guest's desktop leaves out, to be drawn with less work (`VD_AGENT_DISPLAY_CONFIG`). Only
  /// Windows' agent has it.
  ///
  /// - Parameters:
  ///   - hidesWallpaper: no picture behind the windows.
  ///   - hidesFontSmoothing: no smooth letters.
  ///   - hidesAnimation: no moving windows and menus.
  public func setDesktop(
    hidesWallpaper: Bool = false, hidesFontSmoothing: Bool = false, hidesAnimation: Bool = false
  ) {
    core.change { shared, _ in
      guard shared.session.capabilities?.contains(.displayConfig) == true else { return }
      let flags: UInt32 =
        (hidesWallpaper ? 1 : 0) | (hidesFontSmoothing ? 2 : 0) | (hidesAnimation ? 4 : 0)
      shared.session.send(.displayConfig(flags: flags, depth: 0))
    }
  }
}

/// A request for a content, to be cancelled.
public struct AgentRequest: Sendable {
  fileprivate let core: AgentCore
  fileprivate let id: UInt64

  /// Cancels the request: it fails with `AgentError.cancelled`, unless it is over. What the guest still
  /// sends of it is dropped.
  public func cancel() {
    let id = id
    core.change { shared, _ in shared.session.cancelRequest(id) }
  }
}

/// A socket that is connected already, for one connection.
private final class ConnectedSocket: AgentConnector {
  let name: String
  private let socket: Mutex<Int32?>

  init(_ socket: consuming OwnedFileDescriptor, _ name: String) {
    self.name = name
    self.socket = Mutex(socket.release())
  }

  deinit {
    if let fd = socket.withLock({ $0.take() }) { _ = OwnedFileDescriptor(owning: fd) }
  }

  func connect() throws(AgentUnavailable) -> OwnedFileDescriptor {
    guard let fd = socket.withLock({ $0.take() }) else {
      throw AgentUnavailable("\(name): the guest's port was closed", .notRunning)
    }
    return OwnedFileDescriptor(owning: fd)
  }
}
