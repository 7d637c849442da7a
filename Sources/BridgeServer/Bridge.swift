// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
import CLinux
import CProcess
import Glibc
public import LinuxSystem
public import Logging
import SystemPackage

/// Shows vGPUs to clients of a socket: the buffers of their pictures, and nothing else.
///
/// A bridge runs on one thread. It sends without waiting and keeps no queue: it owes one answer to
/// a client that does not read, and looks at the guest's picture for this answer when the client
/// reads again.
public final class Bridge {
  let listener: BridgeListener
  let limits: BridgeLimits
  private let catalogue: () -> [BridgedVGPU]
  let logger: Logger
  private let wakeup: BridgeHandle
  let closer = SocketCloser()

  private(set) var vGPUs: [BridgedVGPU] = []
  /// vGPUs that have left the catalogue and still hold a device or have viewers. When an mdev is
  /// removed, it leaves its bus first, and the removal waits until the device is closed.
  private var departed: [BridgedVGPU] = []
  private var cataloguedAt: MonotonicInstant?
  var clients: [Client] = []
  var users: UserAccounts
  private(set) var turn: UInt64 = 0
  /// The client that is served first in the next turn: the first whose user has used up this turn.
  private var firstInTurn = 0
  private var noticeRate: TokenBucket
  var listensAgainAt: MonotonicInstant?
  var done = BridgeCounters()

  /// Makes a bridge that `run` starts.
  ///
  /// - Parameters:
  ///   - listener: the socket to serve.
  ///   - handle: ends the bridge; a new one by default.
  ///   - limits: the limits of each client and each user.
  ///   - catalogue: returns the vGPUs that exist now, the same object for the same vGPU. Called at
  ///     most once a second.
  ///   - logger: gets a line when a client comes, goes or is refused, with the reason.
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

  /// Half of the descriptors that this process may have (RLIMIT_NOFILE): the rest is for buffers and
  /// devices, and for refusing further clients.
  private static var descriptorsForClients: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
    return max(16, Int(clamping: limit.rlim_cur / 2))
  }

  /// Ends the bridge from any thread.
  public var handle: BridgeHandle { wakeup }

  /// The bridge's work so far.
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
      // Nothing is read from clients that have not read their answer or have sent too much. poll(2)
      // reports POLLHUP in any case.
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

  private func keepTime(_ now: MonotonicInstant) {
    if let again = listensAgainAt, now >= again { listensAgainAt = nil }
    for vGPU in vGPUs { vGPU.watch(now) }
    for vGPU in departed { vGPU.watch(now) }
    departed.removeAll { !$0.holdsDevice && $0.viewers == 0 }
    for client in clients where !client.hasEnded {
      if client.isThrottled, client.mayTakeMessage(now) { client.isThrottled = false }
      if !client.hasGreeted, client.connectedAt.duration(to: now) > limits.timeToHello {
        expel(client, .malformed, "no HELLO for \(limits.timeToHello)")
      }
      if let owed = client.owed, owed.since.duration(to: now) > limits.timeToRead {
        expel(client, .limit, "it has not read for \(limits.timeToRead)")
      }
    }
  }

  /// Logs a line; at most 20 a second, so that no client can fill the journal.
  func notice(
    _ text: @autoclosure () -> String, _ now: MonotonicInstant, level: Logger.Level = .notice
  ) {
    if noticeRate.take(now) { logger.log(level: level, "\(text())") }
  }

  /// Serves each client once. A user who has used up this turn goes first in the next.
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

  /// The vGPUs that a client may see.
  func visible(to client: Client) -> [BridgedVGPU] {
    refreshCatalogue(.now)
    return vGPUs.filter { $0.allows(client.peer) }
  }

  /// The vGPUs whose pictures are copied.
  var copied: Int { vGPUs.count { $0.isCopied } }

  func refreshCatalogue(_ now: MonotonicInstant) {
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

  /// Makes a handle for a bridge that is made later (eventfd(2)).
  ///
  /// - Throws: `SystemCallError` when the process has no descriptor left.
  public init() throws(SystemCallError) {
    let number = try SystemCall.make("eventfd", on: "bridge") { vgpu_eventfd() }
    wakeup = OwnedFileDescriptor(owning: Int32(number))
  }

  /// Makes `Bridge.run` return, now or as soon as it is called.
  public func stop() { _ = eventfd_write(wakeup.rawValue, 1) }

  /// Makes SIGTERM and SIGINT do the same from now on (sigaction(2)), for a program that is only a
  /// bridge. Call it once in a process.
  ///
  /// - Throws: `SystemCallError`.
  public func stopAtSignals() throws(SystemCallError) {
    try SystemCall.make("sigaction", on: "bridge") { vgpu_tell_of_end_signals(wakeup.rawValue) }
  }
}
