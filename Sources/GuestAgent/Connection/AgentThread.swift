// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage

/// The thread that owns a connection's socket. Only this thread reads, writes and closes the socket, and
/// only this thread calls back.
struct AgentThread {
  private let core: AgentCore

  /// A message that stands still for so long has no end.
  private static let stall = Duration.seconds(30)
  private static let bufferSize = 1 << 16

  static func start(_ core: AgentCore) throws(SystemCallError) {
    try SystemThread.detach(for: core.connector.name) { AgentThread(core: core).run() }
  }

  private func run() {
    var pause = Duration.milliseconds(250)
    while !core.shared.withLock(\.isClosing) {
      let reason: String
      do throws(AgentUnavailable) {
        let socket = try core.connector.connect()
        reason = serve(socket)
        pause = .milliseconds(250)
      } catch {
        reason = "\(error)"
        pause = min(pause * 2, .seconds(2))
      }
      core.shared.withLock { shared in
        shared.isConnected = false
        shared.queue = OutgoingQueue()
        let state = AgentState.unavailable(reason)
        if shared.state != state { shared.session.end(state) }
        core.carryOut(&shared, .now)
      }
      core.pumpFiles()
      core.makeCalls()
      guard core.isRepeated else { break }
      wait(until: .now.advanced(by: pause))
    }
    end()
  }

  /// Nothing is left that could be answered.
  private func end() {
    core.shared.withLock { shared in
      shared.hasEnded = true
      shared.session.end(.closed, failing: .closed)
      for id in shared.files.transfers { _ = shared.files.cancel(id, .closed) }
      core.carryOut(&shared, .now)
      for (_, request) in shared.contents {
        shared.calls.append { request.completion(.failure(.closed)) }
      }
      shared.contents = [:]
    }
    core.pumpFiles()
    core.makeCalls()
    for waiting in core.shared.withLock({ exchange(&$0.ending, with: []) }) { waiting.resume() }
  }

  /// Waits for a caller's wish to close, between two connections.
  private func wait(until end: MonotonicInstant) {
    while MonotonicInstant.now < end, !core.shared.withLock(\.isClosing) {
      _ = poll(nil, reads: false, writes: false, until: end)
      core.pumpFiles()
      core.makeCalls()
    }
  }

  // MARK: A connection

  /// - Returns: why it has ended.
  private func serve(_ socket: consuming OwnedFileDescriptor) -> String {
    let reason = speak(socket.rawValue)
    // Keeps the socket open until here.
    _ = consume socket
    return reason
  }

  private func speak(_ fd: Int32) -> String {
    var input = AgentInput(core: core)
    var output = AgentOutput(core: core)
    core.shared.withLock { shared in
      shared.isConnected = true
      shared.session.begin(now: .now)
      core.carryOut(&shared, .now)
    }
    while true {
      core.shared.withLock { shared in
        shared.session.expire(now: .now)
        core.carryOut(&shared, .now)
      }
      core.pumpFiles()
      core.makeCalls()
      if core.shared.withLock(\.isClosing) {
        output.sayGoodbye(fd) { poll(fd, reads: false, writes: true, until: $0) }
        return "closed"
      }
      guard output.write(fd) else { return "\(core.connector.name): QEMU has closed the port" }
      let now = MonotonicInstant.now
      let reads = input.mayRead(now: now)
      let isReadable = poll(
        fd, reads: reads, writes: output.hasMore, until: deadline(input, now: now, reads: reads))
      if isReadable, reads, let reason = input.read(fd) { return reason }
      if let reason = input.stalled(after: Self.stall) { return reason }
    }
  }

  private func deadline(
    _ input: AgentInput, now: MonotonicInstant, reads: Bool
  ) -> MonotonicInstant? {
    let (session, hasFiles) = core.shared.withLock { ($0.session.deadline, !$0.files.isEmpty) }
    let progress = hasFiles ? now.advanced(by: .milliseconds(100)) : nil
    return [session, progress, input.stallDeadline(Self.stall), reads ? nil : input.again]
      .compactMap(\.self).min()
  }

  /// poll(2) for the wakeup and the socket.
  ///
  /// - Returns: whether the socket has something to read; its end counts.
  private func poll(
    _ socket: Int32?, reads: Bool, writes: Bool, until deadline: MonotonicInstant?
  ) -> Bool {
    let events = (reads ? POLLIN : 0) | (writes ? POLLOUT : 0)
    // poll(2) skips negative descriptors. Without events a closed socket would be reported for ever.
    var polled = [
      pollfd(fd: core.wakeup.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: events == 0 ? -1 : socket ?? -1, events: Int16(events), revents: 0),
    ]
    var timeout: Int32 = -1
    if let deadline {
      // One millisecond more, so that the deadline has passed when poll(2) returns.
      timeout = Int32(min(max(deadline.seconds(since: .now) * 1000 + 1, 0), 3_600_000))
    }
    guard Glibc.poll(&polled, 2, timeout) > 0 else { return false }
    if polled[0].revents != 0 {
      var count: eventfd_t = 0
      _ = eventfd_read(core.wakeup.rawValue, &count)
    }
    return Int32(polled[1].revents) & ~POLLOUT != 0
  }
}

/// What comes from the port.
struct AgentInput {
  private let core: AgentCore
  private var reader = AgentStreamReader()
  private var budget = InputBudget(now: .now)
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private var last = MonotonicInstant.now

  init(core: AgentCore) { self.core = core }

  /// The most announcements that are read at once. An agent makes one when it begins, and one for each question.
  private static let mostAnnouncements = 16

  /// Whether something is read now: not while the guest has said too much, or does not read itself.
  mutating func mayRead(now: MonotonicInstant) -> Bool {
    budget.allows(now: now) && !core.shared.withLock(\.queue.isFull)
  }

  var again: MonotonicInstant? { budget.again }

  func stallDeadline(_ patience: Duration) -> MonotonicInstant? {
    reader.isWithinMessage ? last.advanced(by: patience) : nil
  }

  func stalled(after patience: Duration) -> String? {
    guard let deadline = stallDeadline(patience), deadline <= .now else { return nil }
    return "\(core.connector.name): a message of the guest's has no end"
  }

  /// Reads what is there.
  ///
  /// - Returns: why the connection must end; `nil` when it goes on.
  mutating func read(_ fd: Int32) -> String? {
    let count = buffer.withUnsafeMutableBytes { bytes in
      SystemCall.uninterrupted { vgpu_receive(fd, bytes.baseAddress, bytes.count) }
    }
    if count < 0, SystemCall.errno(count) == .resourceTemporarilyUnavailable { return nil }
    guard count > 0 else { return "\(core.connector.name): QEMU has closed the port" }
    let now = MonotonicInstant.now
    last = now
    let wasContent = reader.content != nil
    var (messages, announcements) = (0, 0)
    var input = buffer[..<count]
    do throws(AgentStreamReader.Defect) {
      // Not a method of this value: that would keep a second reference to what has come of a message, and
      // each further piece would copy all of it.
      let core = core
      while let item = try reader.next(&input, keeps: { kind, _ in Self.keeps(kind, core) }) {
        messages += 1
        if case .message(.capabilities, _) = item { announcements += 1 }
        if announcements > Self.mostAnnouncements {
          return "\(core.connector.name): the guest's agent begins anew without end"
        }
        if let reason = take(item, now: now) { return reason }
      }
    } catch {
      return "\(core.connector.name): the guest does not speak the agent's protocol: \(error)"
    }
    let content = reader.content
    // A content that was asked for costs nothing.
    let isContent = wasContent || content != nil
    budget.charge(
      bytes: isContent ? 0 : count, messages: isContent ? max(0, messages - 1) : messages,
      announcements: announcements)
    if let content { tellProgress(content, now: now) }
    return nil
  }

  private static func keeps(_ kind: AgentWire.Kind, _ core: AgentCore) -> Bool {
    switch kind {
    case .clipboard: core.shared.withLock { $0.session.clipboards.awaitsContent }
    case .capabilities, .grab, .request, .release, .fileStatus, .reply: true
    default: false
    }
  }

  private func take(_ item: AgentStreamReader.Item, now: MonotonicInstant) -> String? {
    var heard: AgentMessage?
    if case .message(let kind, let body) = item {
      // Only this thread changes them.
      let (layout, hasReturns) = core.shared.withLock {
        ($0.session.layout, $0.session.hasCarriageReturns)
      }
      heard = AgentMessage(kind, body, layout)?.withTextOfHost(hasCarriageReturns: hasReturns)
    }
    return core.shared.withLock { (shared) -> String? in
      switch item {
      case .dropped(.clipboard, _): shared.session.contentDropped(now: now)
      case .dropped: break
      case .message:
        guard let message = heard else { break }
        if case .capabilities(_, isRequest: true) = message, shared.session.capabilities != nil,
          shared.queue.isWithinMessage, core.isRepeated
        {
          // It would take the rest of the message for the beginning of one.
          return "\(core.connector.name): the agent has started again"
        }
        shared.session.receive(message, now: now)
      }
      core.carryOut(&shared, now)
      return nil
    }
  }

  private func tellProgress(_ content: (received: Int, size: Int), now: MonotonicInstant) {
    core.shared.withLock { shared in
      guard let id = shared.session.contentGoesOn(now: now), var request = shared.contents[id],
        let onProgress = request.onProgress
      else { return }
      if let last = request.lastProgress, last.advanced(by: .milliseconds(50)) > now { return }
      request.lastProgress = now
      shared.contents[id] = request
      shared.calls.append { onProgress(content.received, content.size) }
    }
  }
}

/// What goes to the port.
struct AgentOutput {
  private let core: AgentCore
  private var buffer: [UInt8] = []
  private var position = 0

  init(core: AgentCore) { self.core = core }

  private static let size = 1 << 16

  var hasMore: Bool { position < buffer.count || core.shared.withLock { !$0.queue.isEmpty } }

  /// Writes what the socket takes.
  ///
  /// - Returns: false when the other end is closed.
  mutating func write(_ fd: Int32) -> Bool {
    // Not for ever: while a file is sent, the guest has something to say too.
    for _ in 0..<16 {
      if position == buffer.count { fill() }
      if position == buffer.count { return true }
      let rest = buffer[position...]
      let count = rest.withUnsafeBytes { bytes in
        SystemCall.uninterrupted { vgpu_send(fd, bytes.baseAddress, bytes.count) }
      }
      if count < 0 { return SystemCall.errno(count) == .resourceTemporarilyUnavailable }
      position += count
      if position < buffer.count { return true }
      // More of a file may follow.
      core.pumpFiles()
      if core.shared.withLock(\.isClosing) { return true }
    }
    return true
  }

  private mutating func fill() {
    buffer.removeAll(keepingCapacity: true)
    position = 0
    core.shared.withLock { shared in
      let now = MonotonicInstant.now
      for message in shared.queue.fill(&buffer, limit: Self.size) {
        if message.isAnswer { shared.session.answerWritten(now: now) }
        if let file = message.file {
          shared.files.written(file, message.contentSize)
          shared.session.fileSent(file, message.contentSize, now: now)
        }
      }
      core.carryOut(&shared, now)
    }
  }

  /// Tells the agent that nobody is there any more, when it reads. What is long and has not begun is left
  /// out.
  mutating func sayGoodbye(_ fd: Int32, wait: (MonotonicInstant) -> Bool) {
    core.shared.withLock { shared in
      shared.queue.dropLong()
      if shared.session.capabilities != nil {
        shared.queue.append(OutgoingMessage(.clientDisconnected, shared.session.layout))
      }
    }
    let end = MonotonicInstant.now.advanced(by: core.goodbye)
    while hasMore, MonotonicInstant.now < end {
      if position == buffer.count { fill() }
      let count = buffer[position...].withUnsafeBytes { bytes in
        SystemCall.uninterrupted { vgpu_send(fd, bytes.baseAddress, bytes.count) }
      }
      if count >= 0 {
        position += count
      } else if SystemCall.errno(count) == .resourceTemporarilyUnavailable {
        _ = wait(end)
      } else {
        return
      }
    }
  }
}
