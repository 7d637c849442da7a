// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import CLinux
import LinuxSystem
import SystemPackage

/// One connection of a bridge, and the bridge's notes on it.
final class Client {
  let socket: ClientSocket
  let peer: Peer
  let connectedAt: MonotonicInstant
  /// Its user's account; `nil` until the client is let in.
  var account: UserAccount?
  var hasGreeted = false
  var vGPU: BridgedVGPU?
  /// The LOOK that waits for its answer, because the client has not read the answers before.
  var owed: (serial: UInt32, since: MonotonicInstant)?
  var rate: TokenBucket
  var isThrottled = false
  var hasEnded = false

  private struct Held {
    let buffer: UInt64
    let bytes: Int
  }

  private var held: [Held] = []
  private var heldBytes = 0

  init(
    _ socket: consuming ClientSocket, _ peer: Peer, _ limits: BridgeLimits,
    _ now: MonotonicInstant
  ) {
    self.socket = socket
    self.peer = peer
    connectedAt = now
    rate = TokenBucket(perSecond: limits.messagesPerSecond, now: now)
    held.reserveCapacity(limits.buffersPerClient)
  }

  /// Whether one more message is within the limits now.
  func mayTakeMessage(_ now: MonotonicInstant) -> Bool {
    account?.messages.hasOne(now) == true && rate.hasOne(now)
  }

  func countMessage(_ now: MonotonicInstant) {
    _ = rate.take(now)
    account?.countMessage(now)
  }

  func holds(_ buffer: UInt64) -> Bool {
    for entry in held where entry.buffer == buffer { return true }
    return false
  }

  /// Whether one more buffer is within the limits.
  func mayHold(bytes: Int, _ limits: BridgeLimits) -> Bool {
    held.count < limits.buffersPerClient && bytes <= limits.bytesPerClient - heldBytes
  }

  func hold(_ buffer: UInt64, bytes: Int) {
    held.append(Held(buffer: buffer, bytes: bytes))
    heldBytes += bytes
  }

  func release(_ buffer: UInt64) {
    guard let index = held.firstIndex(where: { $0.buffer == buffer }) else { return }
    heldBytes -= held[index].bytes
    held.remove(at: index)
  }

  func releaseAll() {
    held.removeAll(keepingCapacity: true)
    heldBytes = 0
  }
}

extension Client {
  /// The result of sending a message.
  enum Sending {
    case all
    /// The client does not read.
    case notNow
    /// The client has gone, or was disconnected.
    case never
  }

  /// sendmsg(2), which does not wait.
  func send(
    _ message: BridgeMessage, serial: UInt32, descriptor: Int32 = -1
  ) -> Sending {
    withUnsafeTemporaryAllocation(byteCount: WireConstants.longestMessage, alignment: 8) {
      buffer in
      let count = message.encode(serial: serial, into: buffer)
      let answer = SystemCall.uninterrupted {
        RunningKernel().send(
          socket.rawValue,
          UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]),
          fd: descriptor)
      }
      if answer >= 0 { return .all }
      return SystemCall.errno(answer) == .resourceTemporarilyUnavailable ? .notNow : .never
    }
  }
}

extension Client: CustomStringConvertible {
  var description: String { "pid \(peer.process) of user \(peer.user)" }
}

/// Closes clients' sockets, all of a turn's together.
///
/// A client can leave messages with descriptors in its socket. Closing the socket may close the
/// last reference to a file, and that takes as long as the file's owner likes: a TCP connection can
/// linger for hours (SO_LINGER). So the bridge receives no descriptors, and
/// `ForeignDescriptors.close(sockets:)` closes the sockets.
final class SocketCloser {
  private var sockets: [Int32] = []

  init() {}

  fileprivate func close(_ socket: Int32) {
    // The client notices at once.
    shutdown(socket, Int32(SHUT_RDWR))
    sockets.append(socket)
  }

  /// Closes the sockets of this turn.
  func close() {
    guard !sockets.isEmpty, ForeignDescriptors.close(sockets: sockets) else { return }
    sockets.removeAll(keepingCapacity: true)
  }

  /// Whether too many sockets wait for a thread. Then the bridge should accept no more, because
  /// each socket is a descriptor of this process.
  var isBehind: Bool { sockets.count > 128 }

  deinit { close() }
}

/// The bridge's end of a connection. It is closed at the end of this value.
struct ClientSocket: ~Copyable {
  let rawValue: Int32
  private let closer: SocketCloser

  /// Takes over a descriptor that nobody else will close.
  init(owning rawValue: Int32, _ closer: SocketCloser) {
    self.rawValue = rawValue
    self.closer = closer
  }

  /// Whether the client sends no more (POLLRDHUP). recv(2) returns 0 for this and for an empty datagram.
  var isAtEnd: Bool {
    var entry = pollfd(fd: rawValue, events: Int16(vgpu_POLLRDHUP), revents: 0)
    return poll(&entry, 1, 0) > 0
  }

  deinit { closer.close(rawValue) }
}
