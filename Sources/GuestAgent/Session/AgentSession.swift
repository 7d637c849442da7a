// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The state of one connection to an agent: messages and wishes in, actions out. It does no I/O and has no
/// clock of its own.
struct AgentSession {
  /// What the connection does next, in this order.
  enum Action {
    case send(AgentMessage, AgentLayout, isAnswer: Bool)
    case event(AgentEvent)
    /// A content that was asked for, or why there is none.
    case content(request: UInt64, Result<[UInt8], AgentError>)
    /// The guest asks for the host's content.
    case fetch(request: UInt64, offer: UInt64, ClipboardType)
    /// A file's answer.
    case file(UInt32, FileEvent)
  }

  enum FileEvent {
    case maySend
    case ended(Result<Void, AgentError>)
  }

  /// How long an agent may take to begin an answer, or to go on with it.
  static let patience = Duration.seconds(30)
  /// How long a guest may take to write the last of a file.
  static let filePatience = Duration.seconds(120)
  /// The most requests for contents that wait, of one selection and of the guest's.
  static let mostRequests = 16

  private(set) var capabilities: AgentCapabilities?
  /// How often the agent was asked to announce itself, and when it is asked again; `nil` when it has.
  private var announcements = 0
  private var nextAnnouncement: MonotonicInstant?
  var clipboards = ClipboardSession()
  var files: [UInt32: FileInProgress] = [:]
  private var monitors: [AgentMonitor]?
  private var actions: [Action] = []

  /// Whether the guest's lines end with a carriage return and a line feed.
  var hasCarriageReturns: Bool { capabilities?.contains(.carriageReturns) == true }

  /// What messages have for fields.
  var layout: AgentLayout { capabilities.map(AgentLayout.init) ?? AgentLayout() }

  mutating func takeActions() -> [Action] {
    defer { actions.removeAll(keepingCapacity: true) }
    return actions
  }

  mutating func act(_ action: Action) { actions.append(action) }

  mutating func send(_ message: AgentMessage, isAnswer: Bool = false) {
    actions.append(.send(message, layout, isAnswer: isAnswer))
  }

  // MARK: The connection

  /// The port is connected: an agent that listens already is asked to announce itself.
  mutating func begin(now: MonotonicInstant) {
    announcements = 0
    announce(now: now)
    act(.event(.state(.waiting)))
  }

  /// Asks the agent to announce itself, again and again: what is written while the guest opens its port anew
  /// is lost, as after another client's end.
  private mutating func announce(now: MonotonicInstant) {
    let pause = Duration.seconds(1 << min(announcements, 6))
    announcements += 1
    clipboards.beginSerials()
    nextAnnouncement = now.advanced(by: pause)
    send(.capabilities(.ours, isRequest: true))
  }

  /// The port is gone. What waits for an answer gets none.
  mutating func end(_ state: AgentState, failing error: AgentError = .interrupted) {
    reset(failing: error)
    act(.event(.state(state)))
  }

  private mutating func reset(failing error: AgentError) {
    capabilities = nil
    nextAnnouncement = nil
    resetClipboards(failing: error)
    for id in files.keys.sorted() { act(.file(id, .ended(.failure(error)))) }
    files = [:]
  }

  /// Hears a message, with the host's ends of lines (`AgentMessage.withTextOfHost`).
  mutating func receive(_ message: AgentMessage, now: MonotonicInstant) {
    switch message {
    case .capabilities(let capabilities, let isRequest):
      announced(capabilities, isRequest: isRequest, now: now)
    case .grab(let selection, let serial, let types):
      guestGrabbed(selection, serial: serial, types: types)
    case .request(let selection, let type): guestRequested(selection, type, now: now)
    case .clipboard(let selection, let type, let bytes):
      contentCame(selection, type, bytes, now: now)
    case .release(let selection): guestReleased(selection)
    case .fileStatus(let id, let status): fileAnswered(id, status, now: now)
    // The rest is for agents, or an acknowledgement of what would be sent again anyway.
    case .maxClipboard, .fileStart, .fileData, .monitors, .displayConfig, .mouse, .reply,
      .clientDisconnected, .other:
      break
    }
  }

  private mutating func announced(
    _ new: AgentCapabilities, isRequest: Bool, now: MonotonicInstant
  ) {
    nextAnnouncement = nil
    // An agent that asks has just begun: it knows nothing of what was before.
    if isRequest, capabilities != nil { reset(failing: .interrupted) }
    // It counts anew with each of our questions, and answers each at once.
    if isRequest { clipboards.beginSerials() } else { clipboards.countAnew() }
    let isFirst = capabilities == nil
    capabilities = new
    if isRequest { send(.capabilities(.ours, isRequest: false)) }
    guard isFirst else { return }
    if new.contains(.maxClipboard) { send(.maxClipboard(Int32(AgentWire.mostContent))) }
    act(.event(.state(.connected(new))))
    sendMonitors()
    grabAgain()
  }

  /// When something happens next without a message; `nil` for never.
  var deadline: MonotonicInstant? {
    let times = clipboards.deadlines + files.values.compactMap(\.deadline)
    return (times + [nextAnnouncement].compactMap(\.self)).min()
  }

  /// Ends what has waited too long.
  mutating func expire(now: MonotonicInstant) {
    if let nextAnnouncement, nextAnnouncement <= now { announce(now: now) }
    expireClipboards(now: now)
    for (id, file) in files.sorted(by: { $0.key < $1.key }) {
      guard let deadline = file.deadline, deadline <= now else { continue }
      endFile(id, .failure(.noAnswer), tellsGuest: true)
    }
  }

  // MARK: Monitors and pointer

  /// Sets the monitors, now and after each start of the agent.
  mutating func setMonitors(_ monitors: [AgentMonitor]) {
    self.monitors = Array(monitors.prefix(AgentMessage.mostMonitors))
    sendMonitors()
  }

  private mutating func sendMonitors() {
    guard var monitors, let capabilities, capabilities.contains(.monitorsConfig) else { return }
    if !capabilities.contains(.sparseMonitors) {
      monitors.removeAll { $0.width == 0 || $0.height == 0 }
    }
    var flags = AgentMessage.usesPositions
    // An agent that does not know the sizes in millimetres takes a message with them for a broken one,
    // and no capability tells.
    if monitors.contains(where: { $0.widthMillimetres > 0 && $0.heightMillimetres > 0 }) {
      flags |= AgentMessage.hasPhysicalSizes
    }
    send(.monitors(monitors, flags: flags))
  }
}
