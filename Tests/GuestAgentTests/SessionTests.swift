// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TestSupport
import Testing

@testable import GuestAgent

/// A session without a connection: messages and wishes in, actions out.
private struct Desk {
  var session = AgentSession()
  var now = MonotonicInstant(nanoseconds: 1_000_000_000)
  var sent: [AgentMessage] = []
  var events: [String] = []
  var contents: [UInt64: Result<[UInt8], AgentError>] = [:]
  var fetches: [(request: UInt64, type: ClipboardType)] = []
  var files: [UInt32: String] = [:]

  static let linux: AgentCapabilities = [
    .clipboardByDemand, .clipboardSelection, .grabSerial, .noReleaseOnRegrab, .maxClipboard,
    .monitorsConfig, .sparseMonitors, .lineFeeds,
  ]
  static let windows: AgentCapabilities = [
    .clipboardByDemand, .maxClipboard, .monitorsConfig, .carriageReturns,
  ]

  init(_ capabilities: AgentCapabilities?) {
    session.begin(now: now)
    drain()
    guard let capabilities else { return }
    receive(.capabilities(capabilities, isRequest: true))
    sent = []
    events = []
  }

  mutating func receive(_ messages: AgentMessage...) {
    for message in messages {
      session.receive(
        message.withTextOfHost(hasCarriageReturns: session.hasCarriageReturns), now: now)
      drain()
    }
  }

  /// Gives the guest what the first fetch was for.
  mutating func provide(_ content: [UInt8]) {
    let fetch = fetches[0]
    session.provide(
      AgentText.forGuest(content, fetch.type, hasCarriageReturns: session.hasCarriageReturns),
      for: fetch.request)
    drain()
  }

  mutating func drain() {
    for action in session.takeActions() {
      switch action {
      case .send(let message, _, _): sent.append(message)
      case .event(.state(let state)):
        events.append(state.capabilities != nil ? "connected" : "\(state)")
      case .event(.guestClipboard(let selection, let clipboard)):
        events.append("\(selection) \(clipboard.map { "\($0.types)" } ?? "nothing")")
      case .event(.offerReplaced(let selection)): events.append("replaced \(selection)")
      case .content(let request, let result): contents[request] = result
      case .fetch(let request, _, let type): fetches.append((request, type))
      case .file(let id, .maySend): files[id] = "may send"
      case .file(let id, .ended(.success)): files[id] = "done"
      case .file(let id, .ended(.failure(let error))): files[id] = "\(error)"
      }
    }
  }

  mutating func offer(_ types: ClipboardType..., in selection: ClipboardSelection = .clipboard) {
    session.offer(ClipboardSession.Offer(id: 1, types: types), in: selection)
    drain()
  }

  mutating func request(
    _ type: ClipboardType, in selection: ClipboardSelection = .clipboard, id: UInt64
  ) {
    session.request(type, in: selection, id: id, now: now)
    drain()
  }

  mutating func wait(_ duration: Duration) {
    now = now.advanced(by: duration)
    session.expire(now: now)
    drain()
  }
}

@Suite struct AgentSessionTests {
  @Test func announcementIsAnswered() {
    var desk = Desk(nil)
    #expect(desk.sent == [.capabilities(.ours, isRequest: true)])
    #expect(desk.events == ["waiting"])
    desk.receive(.capabilities(Desk.linux, isRequest: true))
    #expect(
      desk.sent.dropFirst() == [
        .capabilities(.ours, isRequest: false), .maxClipboard(64 << 20),
      ])
    #expect(desk.events.last == "connected")
    // Its answer to ours is no second agent.
    desk.receive(.capabilities(Desk.linux, isRequest: false))
    #expect(desk.sent.count == 3 && desk.events.count == 2)
  }

  /// What is written while the guest opens its port is lost.
  @Test func agentIsAskedAgain() {
    var desk = Desk(nil)
    for _ in 0..<3 { desk.wait(.seconds(1)) }
    let question = AgentMessage.capabilities(.ours, isRequest: true)
    #expect(desk.sent == [question, question, question], "after 1 and 3 seconds")
    desk.receive(.capabilities(Desk.linux, isRequest: false))
    #expect(desk.session.deadline == nil)
    desk.receive(.grab(.clipboard, serial: 0, types: [1]))
    // The answer to the second question: the agent counts anew.
    desk.receive(.capabilities(Desk.linux, isRequest: false))
    desk.receive(.grab(.clipboard, serial: 0, types: [2]))
    #expect(desk.session.clipboards[.clipboard].guest?.types == [.png])
    // A grab that was sent before the answer to an earlier question counts.
    desk.offer(.text, in: .primary)
    desk.receive(.capabilities(Desk.linux, isRequest: false))
    desk.receive(.grab(.primary, serial: 1, types: [2]))
    #expect(desk.session.clipboards[.primary].guest?.types == [.png])
    desk.wait(.seconds(100))
    #expect(desk.sent.count == 5, "the limit of clipboards was the last")
  }

  @Test func grabsAreNumbered() {
    var desk = Desk(Desk.linux)
    desk.offer(.text)
    desk.receive(.grab(.clipboard, serial: 1, types: [1]))
    desk.offer(.png, .text)
    #expect(
      desk.sent == [
        .grab(.clipboard, serial: 0, types: [1]), .grab(.clipboard, serial: 2, types: [2, 1]),
      ])
    #expect(
      desk.events == ["replaced clipboard", "clipboard [GuestAgent.ClipboardType.text]"]
        .map { $0.replacing("GuestAgent.ClipboardType.", with: "GuestAgent.ClipboardType.") }
        + ["clipboard nothing"])
  }

  /// When both ends grab at once, the host wins, and the agent knows it too.
  @Test func hostsGrabWins() {
    var desk = Desk(Desk.linux)
    desk.offer(.text)
    desk.receive(.grab(.clipboard, serial: 0, types: [1]))
    #expect(desk.events.isEmpty)
    desk.receive(.request(.clipboard, type: 1))
    #expect(desk.fetches.map(\.type) == [.text])
  }

  @Test func agentThatStartsAgainIsToldAgain() {
    var desk = Desk(Desk.linux)
    desk.session.setMonitors([AgentMonitor(width: 800, height: 600)])
    desk.offer(.text)
    desk.offer(.text)
    desk.sent = []
    desk.receive(.capabilities(Desk.linux, isRequest: true))
    #expect(
      desk.sent == [
        .capabilities(.ours, isRequest: false), .maxClipboard(64 << 20),
        .monitors([AgentMonitor(width: 800, height: 600)], flags: 1),
        .grab(.clipboard, serial: 0, types: [1]),
      ])
  }

  /// Windows: neither selections nor serials, CR and LF, a release before another grab.
  @Test func windowsAgent() throws {
    var desk = Desk(Desk.windows)
    desk.offer(.text, in: .primary)
    #expect(desk.sent.isEmpty, "it has no such selection")
    desk.offer(.text)
    desk.offer(.text)
    #expect(
      desk.sent == [
        .grab(.clipboard, serial: 0, types: [1]), .release(.clipboard),
        .grab(.clipboard, serial: 0, types: [1]),
      ])
    #expect(!desk.session.layout.hasSelections && !desk.session.layout.hasSerials)
    desk.receive(.request(.clipboard, type: 1))
    desk.provide(Array("a\nb".utf8))
    #expect(desk.sent.last == .clipboard(.clipboard, type: 1, Array("a\r\nb".utf8)))
    desk.receive(.grab(.clipboard, serial: nil, types: [1, 2, 3]))
    desk.request(.text, id: 7)
    #expect(desk.sent.last == .request(.clipboard, type: 1))
    desk.receive(.clipboard(.clipboard, type: 1, Array("c\r\nd\r\n\0".utf8)))
    #expect(try desk.contents[7]?.get() == Array("c\nd\n".utf8))
  }

  /// One request of a selection is on its way at a time, because answers have no numbers.
  @Test func answersFindTheirRequests() throws {
    var desk = Desk(Desk.linux)
    desk.receive(.grab(.clipboard, serial: 0, types: [1, 2]))
    desk.request(.text, id: 1)
    desk.request(.png, id: 2)
    desk.request(.bmp, id: 3)
    #expect(desk.sent == [.request(.clipboard, type: 1)])
    #expect(throws: AgentError.noContent) { try desk.contents[3]?.get() }
    // Of another type and another selection.
    desk.receive(.clipboard(.clipboard, type: 2, [9]), .clipboard(.primary, type: 1, [9]))
    #expect(desk.contents[1] == nil)
    desk.receive(.clipboard(.clipboard, type: 1, [1]), .clipboard(.clipboard, type: 2, [2]))
    #expect(try desk.contents[1]?.get() == [1])
    #expect(try desk.contents[2]?.get() == [2])
  }

  @Test func cancelledRequestsAnswerIsDropped() throws {
    var desk = Desk(Desk.linux)
    desk.receive(.grab(.clipboard, serial: 0, types: [1]))
    desk.request(.text, id: 1)
    desk.session.cancelRequest(1)
    desk.drain()
    #expect(throws: AgentError.cancelled) { try desk.contents[1]?.get() }
    #expect(!desk.session.clipboards.awaitsContent)
    desk.request(.text, id: 2)
    desk.receive(.clipboard(.clipboard, type: 1, [1]))
    #expect(desk.contents[2] == nil)
    desk.receive(.clipboard(.clipboard, type: 1, [2]))
    #expect(try desk.contents[2]?.get() == [2])
  }

  @Test func silentAgentIsNotWaitedForForEver() {
    var desk = Desk(Desk.linux)
    desk.receive(.grab(.clipboard, serial: 0, types: [1]))
    desk.request(.text, id: 1)
    desk.wait(.seconds(29))
    #expect(desk.contents[1] == nil && desk.session.deadline != nil)
    #expect(desk.session.contentGoesOn(now: desk.now) == 1)
    desk.wait(.seconds(29))
    #expect(desk.contents[1] == nil)
    desk.wait(.seconds(2))
    #expect(throws: AgentError.noAnswer) { try desk.contents[1]?.get() }
    #expect(desk.session.deadline == nil)
  }

  /// Every request of a guest is answered, sixteen wait at most, and one is fetched at a time.
  @Test func guestThatAsksWithoutEnd() {
    var desk = Desk(Desk.linux)
    desk.receive(.request(.clipboard, type: 1))
    #expect(desk.sent == [.clipboard(.clipboard, type: 0, [])], "nothing is offered")
    desk.offer(.text)
    desk.sent = []
    for _ in 0..<1000 { desk.receive(.request(.clipboard, type: 1)) }
    #expect(desk.fetches.count == 1 && desk.session.clipboards.guestRequests.count == 16)
    #expect(desk.sent.count == 984)
    desk.receive(.request(.clipboard, type: 2), .request(.clipboard, type: .max))
    #expect(desk.sent.count == 986)
    desk.sent = []
    desk.session.provide([1], for: desk.fetches[0].request)
    desk.drain()
    #expect(desk.fetches.count == 1, "not before the answer is written")
    desk.session.answerWritten(now: desk.now)
    desk.drain()
    #expect(desk.fetches.count == 2 && desk.sent == [.clipboard(.clipboard, type: 1, [1])])
    // A program of the host's that does not answer.
    desk.wait(.seconds(61))
    #expect(desk.sent.last == .clipboard(.clipboard, type: 0, []))
  }

  @Test func contentThatIsTooLargeIsNotSent() {
    var desk = Desk(Desk.windows)
    desk.offer(.text)
    desk.receive(.request(.clipboard, type: 1))
    // With carriage returns it is twice as large.
    desk.provide([UInt8](repeating: 10, count: (32 << 20) + 1))
    #expect(desk.sent.last == .clipboard(.clipboard, type: 0, []))
  }

  @Test func endFailsWhatWaits() {
    var desk = Desk(Desk.linux)
    desk.receive(.grab(.primary, serial: 0, types: [1]))
    desk.request(.text, in: .primary, id: 1)
    desk.session.startFile(3, name: "a", size: 9, number: (1, of: 1), now: desk.now)
    desk.session.end(.unavailable("gone"))
    desk.drain()
    #expect(throws: AgentError.interrupted) { try desk.contents[1]?.get() }
    #expect(desk.files[3] == "\(AgentError.interrupted)")
    #expect(desk.events.suffix(2) == ["primary nothing", "unavailable(\"gone\")"])
  }

  @Test(
    arguments: [
      (.cancelled, .cancelled), (.error(code: nil), .failed(code: nil)),
      (.error(code: 12), .failed(code: 12)), (.notEnoughSpace(free: 7), .notEnoughSpace(free: 7)),
      (.sessionLocked, .sessionLocked), (.agentNotConnected, .noSession), (.disabled, .disabled),
      (.other(44), .other(44)),
      // It cannot have what was not sent.
      (.success, .failed(code: nil)),
    ] as [(AgentMessage.FileStatus, FileRefusal)])
  func refusedFileSaysWhy(status: AgentMessage.FileStatus, refusal: FileRefusal) {
    var desk = Desk(Desk.linux)
    desk.session.startFile(3, name: "a", size: 9, number: (1, of: 1), now: desk.now)
    desk.drain()
    desk.receive(.fileStatus(id: 4, .success), .fileStatus(id: 3, .canSendData))
    #expect(desk.files == [3: "may send"])
    desk.receive(.fileStatus(id: 3, status))
    #expect(desk.files[3] == "\(AgentError.refused(file: "a", refusal))")
    #expect(desk.session.files.isEmpty)
  }

  @Test func fileIsDoneWhenTheGuestSaysSo() {
    var desk = Desk(Desk.linux)
    desk.session.startFile(3, name: "a", size: 9, number: (1, of: 1), now: desk.now)
    desk.receive(.fileStatus(id: 3, .canSendData))
    desk.session.fileSent(3, 4, now: desk.now)
    #expect(desk.session.deadline == nil)
    desk.session.fileSent(3, 5, now: desk.now)
    desk.wait(.seconds(119))
    #expect(desk.files[3] == "may send")
    desk.receive(.fileStatus(id: 3, .success))
    #expect(desk.files[3] == "done")
  }

  @Test func guestThatDisablesFilesIsAskedForNone() {
    var desk = Desk([.filesDisabled])
    desk.session.startFile(3, name: "a", size: 9, number: (1, of: 1), now: desk.now)
    desk.drain()
    #expect(desk.sent.isEmpty && desk.files[3] == "\(AgentError.refused(file: "a", .disabled))")
  }

  @Test func monitorsThatAreOffNeedTheCapability() {
    let monitors = [.off, AgentMonitor(width: 640, height: 480, x: 800)]
    var sparse = Desk(Desk.linux)
    sparse.session.setMonitors(monitors)
    sparse.drain()
    #expect(sparse.sent == [.monitors(monitors, flags: 1)])
    var dense = Desk(Desk.windows)
    dense.session.setMonitors(monitors)
    dense.drain()
    #expect(dense.sent == [.monitors([monitors[1]], flags: 1)])
  }
}
