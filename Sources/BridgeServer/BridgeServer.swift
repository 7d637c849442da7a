// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
import CLinux
import DMABuf
public import LinuxSystem
public import Logging
import SystemPackage
import VGPUDisplay

/// Shows vGPUs to clients of a socket: their pictures' buffers, and nothing else of theirs.
///
/// One thread does all of it. It sends without waiting and keeps no queue: a client that does not
/// read is owed one answer, which is made when it reads again, of what the guest shows then.
public final class BridgeServer {
  private let listener: BridgeListener
  private let limits: BridgeLimits
  private let catalogue: () -> [BridgedVGPU]
  private let logger: Logger
  private let wakeup: BridgeHandle

  private var vGPUs: [BridgedVGPU] = []
  private var cataloguedAt: MonotonicInstant?
  private var clients: [Client] = []
  private var users: UserAccounts
  private var noticeRate: TokenBucket
  private var listensAgainAt: MonotonicInstant?
  private var done = BridgeCounters()

  /// Makes a bridge that `run` starts.
  ///
  /// - Parameters:
  ///   - listener: the socket to serve.
  ///   - limits: what each client and each user can have.
  ///   - catalogue: the vGPUs that there are now, the same objects for the same ones. Asked at most
  ///     once a second.
  ///   - logger: who came and went, and who was refused and why.
  /// - Throws: `SystemCallError` when the process has no descriptor left.
  public init(
    _ listener: consuming BridgeListener, limits: BridgeLimits = BridgeLimits(),
    logger: Logger, catalogue: @escaping () -> [BridgedVGPU]
  ) throws(SystemCallError) {
    self.listener = listener
    self.limits = limits
    self.catalogue = catalogue
    self.logger = logger
    wakeup = try BridgeHandle()
    users = UserAccounts(limits)
    noticeRate = TokenBucket(perSecond: 20, now: .now)
  }

  /// Ends the bridge from any thread.
  public var handle: BridgeHandle { wakeup }

  /// What was done so far.
  public var counters: BridgeCounters {
    var counters = done
    counters.clients = UInt32(clamping: clients.count)
    counters.vGPUs = UInt32(clamping: vGPUs.count { $0.isAttached })
    return counters
  }

  /// Serves until the handle's `stop`. The socket's file is removed then.
  ///
  /// - Throws: `SystemCallError` when poll(2) fails.
  public func run() throws(SystemCallError) {
    defer {
      clients.removeAll()
      listener.removeFile()
    }
    var entries: [pollfd] = []
    while true {
      fill(&entries)
      let timeout = timeout
      let ready = entries.withUnsafeMutableBufferPointer {
        poll($0.baseAddress, nfds_t($0.count), timeout)
      }
      if ready < 0, vgpu_last_errno() != EINTR {
        throw SystemCallError(
          call: "poll", object: "bridge", errno: Errno(rawValue: vgpu_last_errno()))
      }
      if entries[0].revents != 0 { return }
      let now = MonotonicInstant.now
      if ready > 0 {
        for (entry, client) in zip(entries.dropFirst(2), clients) where entry.revents != 0 {
          serve(client, Int32(entry.revents))
        }
        if entries[1].revents != 0 { accept(now) }
      }
      keepTime(.now)
      removeEnded()
    }
  }

  private func fill(_ entries: inout [pollfd]) {
    entries.removeAll(keepingCapacity: true)
    let listener = listensAgainAt == nil ? listener.socket.rawValue : -1
    entries.append(pollfd(fd: wakeup.wakeup.rawValue, events: Int16(POLLIN), revents: 0))
    entries.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
    for client in clients {
      // Who is owed an answer, or has sent too much, is not read from; POLLHUP comes all the same.
      let events = client.owed != nil ? POLLOUT : client.isThrottled ? 0 : POLLIN
      entries.append(pollfd(fd: client.socket.rawValue, events: Int16(events), revents: 0))
    }
  }

  private var timeout: Int32 {
    if clients.contains(where: \.isThrottled) { return 10 }
    let isBusy = !clients.isEmpty || listensAgainAt != nil || vGPUs.contains { $0.isAttached }
    return isBusy ? 100 : -1
  }

  // MARK: Coming and going

  private func accept(_ now: MonotonicInstant) {
    for _ in 0..<16 {
      let fd = listener.socket.rawValue
      let answer = SystemCall.uninterrupted { vgpu_accept(fd) }
      guard answer >= 0 else {
        switch SystemCall.errno(answer) {
        case .resourceTemporarilyUnavailable: break
        case .connectionAbort: continue
        default:
          // No descriptors, no memory: poll(2) would report the same connection for ever.
          listensAgainAt = MonotonicInstant(nanoseconds: now.nanoseconds + 100_000_000)
          notice("no connection can be taken: \(SystemCall.errno(answer))", now)
        }
        return
      }
      admit(OwnedFileDescriptor(owning: Int32(answer)), now)
    }
  }

  private func admit(_ socket: consuming OwnedFileDescriptor, _ now: MonotonicInstant) {
    let fd = socket.rawValue
    done.connections += 1
    let peer: Peer
    do throws(SystemCallError) {
      try SystemCall.make("setsockopt(SO_SNDBUF)", on: "bridge's client") {
        vgpu_least_send_buffer(fd)
      }
      peer = try Peer(of: fd)
    } catch {
      done.refused += 1
      notice("\(error)", now)
      return
    }
    refreshCatalogue(now)
    let client = Client(socket, peer, limits, now)
    guard vGPUs.contains(where: { $0.allows(peer) }) || peer.user == 0 else {
      refuse(client, .notAllowed, "user \(peer.user) may see none of this bridge's vGPUs", now)
      return
    }
    guard clients.count < limits.clients, users.admit(peer.user, now) else {
      refuse(client, .limit, "too many clients, or too quickly", now)
      return
    }
    clients.append(client)
    logger.debug("\(client) came")
  }

  /// Says no to a client that was never one.
  private func refuse(
    _ client: Client, _ refusal: Refusal, _ reason: String, _ now: MonotonicInstant
  ) {
    done.refused += 1
    _ = send(.refused(refusal, reason: reason), serial: 0, to: client)
    notice("\(client) is refused: \(reason)", now)
  }

  private func expel(
    _ client: Client, _ refusal: Refusal, _ reason: String, serial: UInt32 = 0
  ) {
    guard !client.hasEnded else { return }
    done.expelled += 1
    client.hasEnded = true
    _ = send(.refused(refusal, reason: reason), serial: serial, to: client)
    notice("\(client) is thrown out: \(reason)", .now)
  }

  private func removeEnded() {
    guard clients.contains(where: \.hasEnded) else { return }
    for client in clients where client.hasEnded {
      client.vGPU?.viewers -= 1
      client.vGPU = nil
      users.leave(client.peer.user)
      logger.debug("\(client) has gone")
    }
    clients.removeAll(where: \.hasEnded)
  }

  private func keepTime(_ now: MonotonicInstant) {
    if let again = listensAgainAt, now >= again { listensAgainAt = nil }
    for vGPU in vGPUs { vGPU.watch(now) }
    for client in clients where !client.hasEnded {
      if client.isThrottled, client.rate.hasOne(now) { client.isThrottled = false }
      if !client.hasGreeted, now.seconds(since: client.connectedAt) > limits.secondsToHello {
        expel(client, .malformed, "no HELLO for \(limits.secondsToHello) s")
      }
      if let owed = client.owed, now.seconds(since: owed.since) > limits.secondsToRead {
        expel(client, .limit, "it has not read for \(limits.secondsToRead) s")
      }
    }
  }

  /// What is worth a line in the journal; a client that provokes more of them than anyone reads
  /// fills none.
  private func notice(_ text: String, _ now: MonotonicInstant) {
    if noticeRate.take(now) { logger.notice("\(text)") }
  }

  // MARK: Messages

  private func serve(_ client: Client, _ events: Int32) {
    guard !client.hasEnded else { return }
    if events & (POLLERR | POLLHUP | POLLNVAL) != 0 {
      // Whatever it has said before it went needs no answer.
      client.hasEnded = true
      return
    }
    if events & POLLOUT != 0, let owed = client.owed {
      client.owed = nil
      answerLook(client, owed.serial, since: owed.since)
    }
    guard events & POLLIN != 0 else { return }
    // Each gets its turn before anyone's next.
    for _ in 0..<8 where !client.hasEnded && client.owed == nil {
      guard client.rate.take(.now) else {
        client.isThrottled = true
        done.throttled += 1
        return
      }
      guard receive(client) else { return }
    }
  }

  /// - Returns: whether there may be more.
  private func receive(_ client: Client) -> Bool {
    // A byte more than the longest, so that a longer one is not cut to it.
    withUnsafeTemporaryAllocation(byteCount: BridgeProtocol.longestMessage + 1, alignment: 8) {
      buffer in
      var stray: Int32 = -1
      let count = SystemCall.uninterrupted {
        RunningKernel().receive(client.socket.rawValue, buffer, fd: &stray)
      }
      if stray >= 0 {
        _ = OwnedFileDescriptor(owning: stray)
        done.strayDescriptors += 1
        expel(client, .malformed, "it has sent a descriptor")
        return false
      }
      guard count > 0 else {
        if count == 0 || SystemCall.errno(count) != .resourceTemporarilyUnavailable {
          client.hasEnded = true
        }
        return false
      }
      done.messages += 1
      do throws(ProtocolError) {
        let (message, serial) = try ClientMessage.decode(
          UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
        handle(message, serial, client)
      } catch {
        done.malformed += 1
        expel(client, .malformed, "\(error)")
      }
      return true
    }
  }

  private func handle(_ message: ClientMessage, _ serial: UInt32, _ client: Client) {
    if case .hello(let oldest, let newest) = message {
      greet(client, oldest, newest, serial)
      return
    }
    guard client.hasGreeted else {
      expel(client, .malformed, "no HELLO before other messages", serial: serial)
      return
    }
    switch message {
    case .hello: break
    case .list(let index): list(client, index, serial)
    case .open(let identifier): open(client, identifier, serial)
    case .look: answerLook(client, serial, since: nil)
    case .release(let buffer): client.release(buffer)
    case .resize(let width, let height):
      resize(client, width: Int(width), height: Int(height), serial)
    case .count: reply(.counters(counters), serial, client)
    }
  }

  private func greet(_ client: Client, _ oldest: UInt16, _ newest: UInt16, _ serial: UInt32) {
    let version = min(newest, BridgeProtocol.versions.upperBound)
    guard !client.hasGreeted else {
      expel(client, .malformed, "a second HELLO", serial: serial)
      return
    }
    guard version >= oldest, BridgeProtocol.versions.contains(version) else {
      expel(
        client, .version, "this bridge speaks version \(BridgeProtocol.versions.upperBound)",
        serial: serial)
      return
    }
    client.hasGreeted = true
    reply(
      .welcome(
        Welcome(
          version: version, buffers: UInt32(clamping: limits.buffersPerClient),
          messagesPerSecond: UInt32(clamping: limits.messagesPerSecond),
          bytes: UInt64(clamping: limits.bytesPerClient))),
      serial, client)
  }

  private func visible(to client: Client) -> [BridgedVGPU] {
    refreshCatalogue(.now)
    return vGPUs.filter { $0.allows(client.peer) }
  }

  private func refreshCatalogue(_ now: MonotonicInstant) {
    if let cataloguedAt, now.seconds(since: cataloguedAt) < 1 { return }
    cataloguedAt = now
    vGPUs = catalogue()
  }

  private func list(_ client: Client, _ index: UInt32, _ serial: UInt32) {
    let visible = visible(to: client)
    guard visible.indices.contains(Int(index)) else {
      reply(.refused(.noSuchVGPU, reason: "no vGPU has this index"), serial, client)
      return
    }
    let vGPU = visible[Int(index)]
    reply(
      .vGPU(
        ListedVGPU(
          index: index, count: UInt32(clamping: visible.count), identifier: vGPU.identifier,
          viewers: UInt32(clamping: vGPU.viewers), canResize: vGPU.monitor != nil,
          looks: vGPU.looks, polls: vGPU.polls, flips: vGPU.flips, buffers: vGPU.buffersSent,
          name: vGPU.name)),
      serial, client)
  }

  private func open(_ client: Client, _ identifier: VGPUIdentifier, _ serial: UInt32) {
    let visible = visible(to: client)
    let chosen = identifier == .only ? visible : visible.filter { $0.identifier == identifier }
    guard let vGPU = chosen.first else {
      // Of one that is not his, a client is told nothing.
      reply(
        .refused(
          .noSuchVGPU, reason: identifier == .only ? "there is no vGPU" : "no vGPU \(identifier)"),
        serial, client)
      return
    }
    guard chosen.count == 1 else {
      reply(
        .refused(.severalVGPUs, reason: "there are \(chosen.count) vGPUs: name one"), serial, client
      )
      return
    }
    client.vGPU?.viewers -= 1
    client.releaseAll()
    client.vGPU = vGPU
    vGPU.viewers += 1
    // So that the answer tells its name and its monitor.
    _ = vGPU.look(.now)
    let monitor = vGPU.monitor
    reply(
      .opened(
        OpenedVGPU(
          identifier: vGPU.identifier, canResize: monitor != nil,
          maximumWidth: UInt32(clamping: monitor?.maximum?.width ?? 0),
          maximumHeight: UInt32(clamping: monitor?.maximum?.height ?? 0), name: vGPU.name)),
      serial, client)
    logger.info("\(client) looks at \(vGPU.name)")
  }

  private func resize(_ client: Client, width: Int, height: Int, _ serial: UInt32) {
    guard let vGPU = client.vGPU else {
      reply(.refused(.notOpen, reason: "choose a vGPU first"), serial, client)
      return
    }
    guard let monitor = vGPU.monitor else {
      reply(
        .refused(.size, reason: "\(vGPU.name): its monitor cannot be exchanged here"), serial,
        client)
      return
    }
    do {
      try monitor.resize(width, height)
      logger.info("\(client) has asked for \(width)x\(height) on \(vGPU.name)")
      reply(.done, serial, client)
    } catch {
      reply(.refused(.size, reason: "\(error)"), serial, client)
    }
  }

  // MARK: Frames

  /// - Parameter since: when the client stopped reading, if it is owed this answer.
  private func answerLook(_ client: Client, _ serial: UInt32, since: MonotonicInstant?) {
    guard let vGPU = client.vGPU else {
      reply(.refused(.notOpen, reason: "choose a vGPU first"), serial, client)
      return
    }
    let look = vGPU.look(.now)
    let sent =
      switch look.state {
      case .frame(let frame): send(frame, lookedAt: look.at, serial, to: client, vGPU)
      case .noPicture(let reason): send(reason, serial, to: client)
      }
    switch sent {
    case .all: break
    case .notNow:
      if since == nil { done.postponed += 1 }
      client.owed = (serial, since ?? .now)
    case .never: client.hasEnded = true
    }
  }

  private func send(_ reason: NoPicture, _ serial: UInt32, to client: Client) -> Sending {
    let absence = Absence(reason)
    let sent = send(.noPicture(absence, reason: "\(reason)"), serial: serial, to: client)
    if sent == .all, absence == .gone { client.releaseAll() }
    return sent
  }

  private func send(
    _ frame: Frame, lookedAt: MonotonicInstant, _ serial: UInt32, to client: Client,
    _ vGPU: BridgedVGPU
  ) -> Sending {
    guard case .dmaBuf = frame.primary.storage else {
      return send(
        .noPicture(
          .trouble,
          reason:
            "\(vGPU.name): its picture lies in a region of the device, which a bridge cannot hand on"
        ), serial: serial, to: client)
    }
    var sent = sendIfNew(frame.primary, serial, to: client, vGPU)
    guard sent == .all else { return sent }
    var pointer: SharedFrame.Pointer?
    if let cursor = frame.cursor, case .dmaBuf = cursor.buffer.storage {
      sent = sendIfNew(cursor.buffer, serial, to: client, vGPU)
      guard sent == .all else { return sent }
      pointer = SharedFrame.Pointer(
        buffer: cursor.buffer.id, x: Int32(clamping: cursor.x), y: Int32(clamping: cursor.y),
        hotspot: cursor.hotspot.map {
          SharedFrame.Hotspot(x: Int32(clamping: $0.x), y: Int32(clamping: $0.y))
        })
    }
    return send(
      .frame(
        SharedFrame(
          buffer: frame.primary.id, pointer: pointer, flip: frame.flip,
          detectedAt: frame.detectedAt.nanoseconds, lookedAt: lookedAt.nanoseconds)),
      serial: serial, to: client)
  }

  private func sendIfNew(
    _ buffer: PlaneBuffer, _ serial: UInt32, to client: Client, _ vGPU: BridgedVGPU
  ) -> Sending {
    guard !client.holds(buffer.id), case .dmaBuf(let memory) = buffer.storage else { return .all }
    guard client.mayHold(bytes: memory.size, limits) else {
      expel(client, .limit, "it holds too many buffers, or too large ones", serial: serial)
      return .never
    }
    guard let shared = SharedBuffer(buffer) else {
      return send(
        .noPicture(.trouble, reason: "\(vGPU.name): its picture cannot be described"),
        serial: serial, to: client)
    }
    let sent = send(.buffer(shared), serial: serial, to: client, descriptor: memory.rawValue)
    if sent == .all {
      client.hold(buffer.id, bytes: memory.size)
      vGPU.buffersSent += 1
    }
    return sent
  }

  // MARK: Sending

  private enum Sending {
    case all
    /// The client does not read.
    case notNow
    /// It has gone, or was thrown out.
    case never
  }

  /// Answers what a client asks for once: one that has not read its answers before has to go.
  private func reply(_ message: BridgeMessage, _ serial: UInt32, _ client: Client) {
    switch send(message, serial: serial, to: client) {
    case .all: break
    case .notNow: expel(client, .limit, "it does not read its answers")
    case .never: client.hasEnded = true
    }
  }

  private func send(
    _ message: BridgeMessage, serial: UInt32, to client: Client, descriptor: Int32 = -1
  ) -> Sending {
    withUnsafeTemporaryAllocation(byteCount: BridgeProtocol.longestMessage, alignment: 8) {
      buffer in
      let count = message.encode(serial: serial, into: buffer)
      let answer = SystemCall.uninterrupted {
        RunningKernel().send(
          client.socket.rawValue,
          UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]),
          fd: descriptor)
      }
      if answer >= 0 { return .all }
      return SystemCall.errno(answer) == .resourceTemporarilyUnavailable ? .notNow : .never
    }
  }
}

extension Absence {
  fileprivate init(_ reason: NoPicture) {
    self =
      switch reason {
      case .planeOff: .planeOff
      case .waiting, .failed, .noDisplay: .gone
      case .settingMode, .defective, .unavailable: .trouble
      }
  }
}

extension SharedBuffer {
  /// `nil` for a layout that the protocol has no numbers for.
  fileprivate init?(_ buffer: PlaneBuffer) {
    let layout = buffer.layout
    guard layout.planes.count == 1, layout.planes.first?.offset == 0,
      let width = UInt32(exactly: layout.width), let height = UInt32(exactly: layout.height),
      let stride = UInt32(exactly: layout.stride), let linear = layout.linearEnd,
      let size = UInt32(
        exactly: layout.modifier == .linear ? linear : layout.stride * layout.height)
    else { return nil }
    self.init(
      id: buffer.id, modifier: layout.modifier.rawValue, format: layout.format.fourCC.rawValue,
      width: width, height: height, stride: stride, size: size)
  }
}
