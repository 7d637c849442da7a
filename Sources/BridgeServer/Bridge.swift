// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
import CLinux
import CProcess
import Glibc
public import LinuxSystem
public import Logging
import SystemPackage

/// Shows vGPUs to clients of a socket: their pictures' buffers, and nothing else of theirs.
///
/// One thread does all of it. It sends without waiting and keeps no queue: a client that does not
/// read is owed one answer, which is made when it reads again, of what the guest shows then.
public final class Bridge {
  private let listener: BridgeListener
  let limits: BridgeLimits
  private let catalogue: () -> [BridgedVGPU]
  private let logger: Logger
  private let wakeup: BridgeHandle
  private let closer = SocketCloser()

  private var vGPUs: [BridgedVGPU] = []
  /// Those that the catalogue has no more, and that hold a device or are looked at still. An mdev that is
  /// to be removed is off the bus before its device is let go, which the removal waits for.
  private var departed: [BridgedVGPU] = []
  private var cataloguedAt: MonotonicInstant?
  private var clients: [Client] = []
  private var users: UserAccounts
  private(set) var turn: UInt64 = 0
  /// Who is served first in the next turn: the first whose user has had his share of this one.
  private var firstInTurn = 0
  private var noticeRate: TokenBucket
  private var listensAgainAt: MonotonicInstant?
  var done = BridgeCounters()

  /// Makes a bridge that `run` starts.
  ///
  /// - Parameters:
  ///   - listener: the socket to serve.
  ///   - handle: what ends it, where there is one already.
  ///   - limits: what each client and each user can have.
  ///   - catalogue: the vGPUs that there are now, the same objects for the same ones. Asked at most
  ///     once a second.
  ///   - logger: who came and went, and who was refused and why.
  /// - Throws: `SystemCallError` when the process has no descriptor left.
  public init(
    _ listener: consuming BridgeListener, handle: BridgeHandle? = nil,
    limits: BridgeLimits = BridgeLimits(), logger: Logger, catalogue: @escaping () -> [BridgedVGPU]
  ) throws(SystemCallError) {
    self.listener = listener
    var limits = limits
    limits.clients = min(limits.clients, Self.descriptorsForClients)
    self.limits = limits
    self.catalogue = catalogue
    self.logger = logger
    if let handle { wakeup = handle } else { wakeup = try BridgeHandle() }
    users = UserAccounts(limits)
    noticeRate = TokenBucket(perSecond: 20, now: .now)
  }

  /// Half of what this process may have (RLIMIT_NOFILE): the rest is for buffers and devices, and for
  /// telling those who come then that they are too many.
  private static var descriptorsForClients: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
    return max(16, Int(clamping: limit.rlim_cur / 2))
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
      closer.close()
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
        serve(entries[2...])
        if entries[1].revents != 0 { accept(now) }
      }
      keepTime(.now)
      removeEnded()
      closer.close()
    }
  }

  private func fill(_ entries: inout [pollfd]) {
    entries.removeAll(keepingCapacity: true)
    let listener = listensAgainAt == nil ? listener.socket : -1
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
    let isBusy =
      !clients.isEmpty || listensAgainAt != nil || vGPUs.contains { $0.isAttached }
      || !departed.isEmpty
    return isBusy ? 100 : -1
  }

  // MARK: Coming and going

  private func accept(_ now: MonotonicInstant) {
    if closer.isBehind {
      listensAgainAt = MonotonicInstant(nanoseconds: now.nanoseconds + 100_000_000)
      notice("no connection is taken: there is no thread to close those that have ended", now)
      return
    }
    for _ in 0..<32 {
      let fd = listener.socket
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
      admit(ClientSocket(owning: Int32(answer), closer), now)
    }
  }

  private func admit(_ socket: consuming ClientSocket, _ now: MonotonicInstant) {
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
    let mayLook = peer.user == 0 || vGPUs.contains { $0.allows(peer) }
    let account = users.connect(peer.user, mayLook: mayLook, now)
    let client = Client(socket, peer, limits, now)
    guard mayLook else {
      // One who comes too often is not even told.
      if account == nil {
        done.refused += 1
      } else {
        refuse(client, .notAllowed, "user \(peer.user) may see none of this bridge's vGPUs", now)
      }
      return
    }
    guard let account, users.admit(account) else {
      refuse(client, .limit, "too many clients, or too quickly", now)
      return
    }
    client.account = account
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

  func expel(
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
      if let account = client.account { users.leave(account) }
      logger.debug("\(client) has gone")
    }
    clients.removeAll(where: \.hasEnded)
  }

  private func keepTime(_ now: MonotonicInstant) {
    if let again = listensAgainAt, now >= again { listensAgainAt = nil }
    for vGPU in vGPUs { vGPU.watch(now) }
    for vGPU in departed { vGPU.watch(now) }
    departed.removeAll { !$0.holdsDevice && $0.viewers == 0 }
    for client in clients where !client.hasEnded {
      if client.isThrottled, client.mayTakeMessage(now) { client.isThrottled = false }
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
  func notice(
    _ text: @autoclosure () -> String, _ now: MonotonicInstant, level: Logger.Level = .notice
  ) {
    if noticeRate.take(now) { logger.log(level: level, "\(text())") }
  }

  /// Each user gets his turn before anyone's next, and each of his clients.
  private func serve(_ entries: ArraySlice<pollfd>) {
    turn &+= 1
    let count = clients.count
    let first = firstInTurn < count ? firstInTurn : 0
    var next: Int?
    for step in 0..<count {
      let index = first + step < count ? first + step : first + step - count
      let events = entries[entries.startIndex + index].revents
      if events != 0, !serve(clients[index], Int32(events)), next == nil { next = index }
    }
    firstInTurn = next ?? 0
  }

  // MARK: The vGPUs

  /// Those that a client may know of.
  func visible(to client: Client) -> [BridgedVGPU] {
    refreshCatalogue(.now)
    return vGPUs.filter { $0.allows(client.peer) }
  }

  private func refreshCatalogue(_ now: MonotonicInstant) {
    if let cataloguedAt, now.seconds(since: cataloguedAt) < 1 { return }
    cataloguedAt = now
    let known = vGPUs + departed
    vGPUs = catalogue()
    let listed = Set(vGPUs.map { ObjectIdentifier($0) })
    departed = known.filter {
      ($0.holdsDevice || $0.viewers > 0) && !listed.contains(ObjectIdentifier($0))
    }
  }
}

/// Ends a bridge from any thread.
public final class BridgeHandle: Sendable {
  let wakeup: OwnedFileDescriptor

  /// For a bridge that is made later (eventfd(2)).
  ///
  /// - Throws: `SystemCallError` when the process has no descriptor left.
  public init() throws(SystemCallError) {
    let number = try SystemCall.make("eventfd", on: "bridge") { vgpu_eventfd() }
    wakeup = OwnedFileDescriptor(owning: Int32(number))
  }

  /// Makes `Bridge.run` return, now or as soon as it is called.
  public func stop() { _ = eventfd_write(wakeup.rawValue, 1) }

  /// Has SIGTERM and SIGINT do the same from now on (sigaction(2)), for a program that is a bridge and
  /// nothing else. To be called once in a process.
  ///
  /// - Throws: `SystemCallError`.
  public func stopAtSignals() throws(SystemCallError) {
    try SystemCall.make("sigaction", on: "bridge") { vgpu_tell_of_end_signals(wakeup.rawValue) }
  }
}
