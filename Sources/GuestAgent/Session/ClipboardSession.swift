// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The clipboards of a session: who has which, and who waits for a content.
struct ClipboardSession {
  /// A request of the host's for a content of the guest's.
  struct Request {
    let id: UInt64
    let type: ClipboardType
    var isSent = false
    var isCancelled = false
    var deadline = MonotonicInstant(nanoseconds: .max)
    /// The time at which it ends, however much still comes.
    var end = MonotonicInstant(nanoseconds: .max)
  }

  /// A request of the guest's for a content of the host's.
  struct GuestRequest {
    let id: UInt64
    let offer: UInt64
    let selection: ClipboardSelection
    let type: ClipboardType
    var isAnswered = false
    var deadline = MonotonicInstant(nanoseconds: .max)
  }

  struct Offer {
    let id: UInt64
    let types: [ClipboardType]
  }

  /// One selection.
  struct Side {
    /// The number of the next grab, which both ends count.
    var serial: UInt32 = 0
    /// The grabs that the host has sent since it asked the agent to announce itself.
    var ownGrabs: UInt32 = 0
    var guest: GuestClipboard?
    var offer: Offer?
    /// Whether the agent knows of the offer.
    var isGrabbed = false
    /// The first one is asked; one at a time, because answers have no numbers.
    var requests: [Request] = []
  }

  var sides = [Side](repeating: Side(), count: ClipboardSelection.allCases.count)
  /// The first one is being answered.
  var guestRequests: [GuestRequest] = []
  var generation: UInt64 = 0
  var lastGuestRequest: UInt64 = 0

  subscript(selection: ClipboardSelection) -> Side {
    get { sides[Int(selection.rawValue)] }
    set { sides[Int(selection.rawValue)] = newValue }
  }

  /// The agent has been asked, or has begun: it will count anew, and no grab of the host's comes before that.
  mutating func beginSerials() {
    for index in sides.indices {
      sides[index].serial = 0
      sides[index].ownGrabs = 0
    }
  }

  /// The agent has counted anew, and finds the host's grabs that were sent meanwhile.
  mutating func countAnew() {
    for index in sides.indices { sides[index].serial = sides[index].ownGrabs }
  }

  /// Whether a content that comes now is wanted.
  var awaitsContent: Bool {
    sides.contains { $0.requests.first.map { $0.isSent && !$0.isCancelled } == true }
  }

  var deadlines: [MonotonicInstant] {
    (sides.compactMap { $0.requests.first }.filter(\.isSent).map(\.deadline)
      + (guestRequests.first.map { [$0.deadline] } ?? []))
      .filter { $0.nanoseconds != .max }
  }
}

extension AgentSession {
  /// How long the host's own programs may take for a content.
  private static let ownPatience = Duration.seconds(60)
  /// How long a content of the guest's may come.
  private static let longest = Duration.seconds(300)

  mutating func resetClipboards(failing error: AgentError) {
    for selection in ClipboardSelection.allCases {
      var side = clipboards[selection]
      for request in side.requests where !request.isCancelled {
        act(.content(request: request.id, .failure(error)))
      }
      side.requests = []
      side.isGrabbed = false
      side.serial = 0
      let had = side.guest.take() != nil
      clipboards[selection] = side
      if had { act(.event(.guestClipboard(selection, nil))) }
    }
    clipboards.guestRequests = []
  }

  private func has(_ selection: ClipboardSelection) -> Bool {
    guard let capabilities, capabilities.contains(.clipboardByDemand) else { return false }
    return selection == .clipboard || capabilities.contains(.clipboardSelection)
  }

  // MARK: The host's offers

  mutating func offer(_ offer: ClipboardSession.Offer, in selection: ClipboardSelection) {
    clipboards[selection].offer = offer
    grab(selection)
  }

  mutating func withdraw(_ selection: ClipboardSelection) {
    clipboards[selection].offer = nil
    guard clipboards[selection].isGrabbed else { return }
    clipboards[selection].isGrabbed = false
    send(.release(selection))
  }

  mutating func grabAgain() {
    for selection in ClipboardSelection.allCases { grab(selection) }
  }

  private mutating func grab(_ selection: ClipboardSelection) {
    guard has(selection), let capabilities, let offer = clipboards[selection].offer else { return }
    if clipboards[selection].isGrabbed, !capabilities.contains(.noReleaseOnRegrab) {
      send(.release(selection))
    }
    let serial = clipboards[selection].serial
    if capabilities.contains(.grabSerial) {
      clipboards[selection].serial = serial &+ 1
      clipboards[selection].ownGrabs &+= 1
    }
    clipboards[selection].isGrabbed = true
    send(.grab(selection, serial: serial, types: offer.types.map(\.rawValue)))
    if clipboards[selection].guest.take() != nil {
      act(.event(.guestClipboard(selection, nil)))
    }
  }

  /// The guest pastes.
  mutating func guestRequested(
    _ selection: ClipboardSelection, _ type: UInt32, now: MonotonicInstant
  ) {
    guard let type = ClipboardType(rawValue: type), let offer = clipboards[selection].offer,
      clipboards[selection].isGrabbed, offer.types.contains(type),
      clipboards.guestRequests.count < Self.mostRequests
    else {
      // An agent waits for an answer, whatever it is.
      if has(selection) { send(.clipboard(selection, type: 0, [])) }
      return
    }
    clipboards.lastGuestRequest &+= 1
    clipboards.guestRequests.append(
      ClipboardSession.GuestRequest(
        id: clipboards.lastGuestRequest, offer: offer.id, selection: selection, type: type))
    if clipboards.guestRequests.count == 1 { fetch(now: now) }
  }

  private mutating func fetch(now: MonotonicInstant) {
    guard let request = clipboards.guestRequests.first else { return }
    clipboards.guestRequests[0].deadline = now.advanced(by: Self.ownPatience)
    act(.fetch(request: request.id, offer: request.offer, request.type))
  }

  /// The host's content for a request, with the guest's ends of lines (`AgentText`); `nil` when it cannot be
  /// had.
  mutating func provide(_ content: [UInt8]?, for request: UInt64) {
    guard let first = clipboards.guestRequests.first, first.id == request, !first.isAnswered else {
      return
    }
    clipboards.guestRequests[0].isAnswered = true
    clipboards.guestRequests[0].deadline = MonotonicInstant(nanoseconds: .max)
    if let bytes = content, bytes.count <= AgentWire.mostContent {
      send(.clipboard(first.selection, type: first.type.rawValue, bytes), isAnswer: true)
    } else {
      send(.clipboard(first.selection, type: 0, []), isAnswer: true)
    }
  }

  /// An answer is written: the next request is taken.
  mutating func answerWritten(now: MonotonicInstant) {
    guard clipboards.guestRequests.first?.isAnswered == true else { return }
    clipboards.guestRequests.removeFirst()
    fetch(now: now)
  }

  // MARK: The guest's

  mutating func guestGrabbed(_ selection: ClipboardSelection, serial: UInt32?, types: [UInt32]) {
    guard has(selection) else { return }
    if let serial {
      // Both ends grabbed at once: the host wins, and the agent knows it too.
      guard serial == clipboards[selection].serial else { return }
      clipboards[selection].serial = serial &+ 1
    }
    clipboards.generation &+= 1
    var known: [ClipboardType] = []
    for type in types.compactMap(ClipboardType.init) where !known.contains(type) {
      known.append(type)
    }
    let guest = GuestClipboard(types: known, generation: clipboards.generation)
    let hadOffer = clipboards[selection].offer.take() != nil
    clipboards[selection].isGrabbed = false
    clipboards[selection].guest = guest
    if hadOffer { act(.event(.offerReplaced(selection))) }
    act(.event(.guestClipboard(selection, guest)))
  }

  mutating func guestReleased(_ selection: ClipboardSelection) {
    guard clipboards[selection].guest.take() != nil else { return }
    act(.event(.guestClipboard(selection, nil)))
  }

  /// Asks for a content of the guest's.
  ///
  /// - Parameter id: of the request, for the answer.
  mutating func request(
    _ type: ClipboardType, in selection: ClipboardSelection, id: UInt64, now: MonotonicInstant
  ) {
    guard has(selection) else {
      let error: AgentError =
        capabilities == nil
        ? .notConnected("it has not announced itself") : .unsupported("such clipboard")
      return act(.content(request: id, .failure(error)))
    }
    guard clipboards[selection].guest?.types.contains(type) == true else {
      return act(.content(request: id, .failure(.noContent)))
    }
    guard clipboards[selection].requests.count < Self.mostRequests else {
      return act(.content(request: id, .failure(.tooMany)))
    }
    clipboards[selection].requests.append(ClipboardSession.Request(id: id, type: type))
    askNext(selection, now: now)
  }

  mutating func cancelRequest(_ id: UInt64) {
    for selection in ClipboardSelection.allCases {
      guard let index = clipboards[selection].requests.firstIndex(where: { $0.id == id }),
        !clipboards[selection].requests[index].isCancelled
      else { continue }
      act(.content(request: id, .failure(.cancelled)))
      if clipboards[selection].requests[index].isSent {
        // Its answer will come, and must not be taken for another one's.
        clipboards[selection].requests[index].isCancelled = true
      } else {
        clipboards[selection].requests.remove(at: index)
      }
    }
  }

  private mutating func askNext(_ selection: ClipboardSelection, now: MonotonicInstant) {
    guard let first = clipboards[selection].requests.first, !first.isSent else { return }
    clipboards[selection].requests[0].isSent = true
    clipboards[selection].requests[0].deadline = now.advanced(by: Self.patience)
    clipboards[selection].requests[0].end = now.advanced(by: Self.longest)
    send(.request(selection, type: first.type.rawValue))
  }

  mutating func contentCame(
    _ selection: ClipboardSelection, _ type: UInt32, _ bytes: [UInt8], now: MonotonicInstant
  ) {
    guard let first = clipboards[selection].requests.first, first.isSent,
      type == 0 || type == first.type.rawValue
    else { return }
    clipboards[selection].requests.removeFirst()
    if !first.isCancelled {
      act(
        .content(
          request: first.id,
          // vdagentd answers with nothing when the content is larger than the limit.
          type == 0 || bytes.isEmpty ? .failure(.noContent) : .success(bytes)))
    }
    askNext(selection, now: now)
  }

  /// A content was dropped, because nobody waits for it any more.
  mutating func contentDropped(now: MonotonicInstant) {
    for selection in ClipboardSelection.allCases {
      guard let first = clipboards[selection].requests.first, first.isSent, first.isCancelled else {
        continue
      }
      clipboards[selection].requests.removeFirst()
      askNext(selection, now: now)
      return
    }
  }

  /// More of a content has come.
  ///
  /// - Returns: the request that it is for.
  mutating func contentGoesOn(now: MonotonicInstant) -> UInt64? {
    var request: UInt64?
    for selection in ClipboardSelection.allCases {
      guard let first = clipboards[selection].requests.first, first.isSent else { continue }
      clipboards[selection].requests[0].deadline = min(now.advanced(by: Self.patience), first.end)
      if !first.isCancelled { request = request ?? first.id }
    }
    return request
  }

  mutating func expireClipboards(now: MonotonicInstant) {
    for selection in ClipboardSelection.allCases {
      guard let first = clipboards[selection].requests.first, first.isSent, first.deadline <= now
      else { continue }
      clipboards[selection].requests.removeFirst()
      if !first.isCancelled { act(.content(request: first.id, .failure(.noAnswer))) }
      askNext(selection, now: now)
    }
    if let first = clipboards.guestRequests.first, first.deadline <= now {
      provide(nil, for: first.id)
    }
  }
}
