// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import CLinux
import LinuxSystem
import SystemPackage

/// A client's end of the socket. Only `wait` waits.
final class BridgeConnection {
  let path: String
  private let socket: Int32
  private let closing: ForeignDescriptors
  private var serial: UInt32 = 0
  private var descriptors: [Int32] = []

  /// connect(2), which does not wait: a bridge whose queue is full refuses (EAGAIN).
  ///
  /// - Parameters:
  ///   - closing: closes descriptors that the bridge sends and that belong to no message.
  ///   - patience: how long to try again while the queue is full, in nanoseconds: other clients
  ///     fill the queue, and the bridge empties it.
  init(
    path: String, closing: ForeignDescriptors, patience: UInt64 = 0
  ) throws(BridgeError) {
    self.path = path
    self.closing = closing
    do throws(SystemCallError) {
      let number = try SystemCall.make("socket", on: path) { vgpu_packet_socket() }
      let socket = OwnedFileDescriptor(owning: Int32(number))
      let fd = socket.rawValue
      let start = MonotonicInstant.now
      while true {
        let answer = SystemCall.uninterrupted { vgpu_unix_connect(fd, path) }
        if answer < 0, SystemCall.errno(answer) == .resourceTemporarilyUnavailable,
          MonotonicInstant.now.elapsed(since: start) < patience
        {
          SystemThread.sleep(for: .milliseconds(2))
          continue
        }
        try SystemCall.make("connect", on: path) { answer }
        break
      }
      self.socket = socket.release()
    } catch {
      throw .unreachable(error)
    }
  }

  deinit {
    // The thread has copies of all descriptors until a stray descriptor is closed.
    if closing.waiting > 0 {
      closing.close([socket])
      return
    }
    // When there is no thread, the socket stays open, because close(2) might wait for ever.
    _ = ForeignDescriptors.close(sockets: [socket])
  }

  /// - Returns: the number that the answers will have.
  @discardableResult
  func send(_ message: ClientMessage) throws(BridgeError) -> UInt32 {
    serial &+= 1
    let serial = serial
    let answer = withUnsafeTemporaryAllocation(
      byteCount: WireConstants.longestMessage, alignment: 8
    ) { buffer in
      let count = message.encode(serial: serial, into: buffer)
      return SystemCall.uninterrupted {
        vgpu_send(socket, buffer.baseAddress, count)
      }
    }
    if answer < 0 {
      // After these two errors, the bridge's reason for ending the connection can still be read,
      // and then the end. A full socket is an error, because a socket takes far more messages than
      // a client sends before it reads an answer.
      let errno = SystemCall.errno(answer)
      guard errno == .brokenPipe || errno == .connectionReset else { throw .ended(path: path) }
    }
    return serial
  }

  /// A message, and the descriptor that belongs to it.
  struct Incoming: ~Copyable {
    let message: BridgeMessage
    let serial: UInt32
    var descriptor: OwnedFileDescriptor?
  }

  /// - Returns: `nil` when nothing has come.
  func receive() throws(BridgeError) -> Incoming? {
    var incoming: (message: BridgeMessage, serial: UInt32)?
    var problem: ProtocolError?
    // One byte more than the longest message, so that a longer one is not cut to this length.
    let count = withUnsafeTemporaryAllocation(
      byteCount: WireConstants.longestMessage + 1, alignment: 8
    ) { buffer in
      var count = 0
      for _ in 0..<2 {
        count = SystemCall.uninterrupted {
          RunningKernel().receive(socket, buffer, fds: &descriptors)
        }
        // When the bridge closes its end while it has unread messages, recvmsg(2) fails first. The
        // messages that the bridge sent before, such as REFUSED, come after that.
        if count >= 0 || SystemCall.errno(count) != .connectionReset { break }
      }
      guard count > 0 else { return count }
      do throws(ProtocolError) {
        incoming = try BridgeMessage.decode(
          UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
      } catch {
        problem = error
      }
      return count
    }
    var descriptor: OwnedFileDescriptor?
    let isSurplus = descriptors.count > 1
    if let fd = descriptors.first, !isSurplus, case .buffer = incoming?.message {
      descriptor = OwnedFileDescriptor(owning: fd)
    } else {
      closing.close(descriptors)
    }
    if let problem { throw .malformed(path: path, reason: "\(problem)") }
    guard let incoming else {
      if count < 0, SystemCall.errno(count) == .resourceTemporarilyUnavailable { return nil }
      throw .ended(path: path)
    }
    guard descriptors.isEmpty || descriptor != nil else {
      throw .malformed(path: path, reason: "a descriptor without a buffer")
    }
    return Incoming(message: incoming.message, serial: incoming.serial, descriptor: descriptor)
  }

  /// poll(2): waits until a message has come, or until the deadline.
  ///
  /// - Returns: whether a message has come.
  func wait(until deadline: MonotonicInstant) -> Bool {
    var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    while true {
      let milliseconds = (max(0, deadline.seconds(since: .now)) * 1000).rounded(.up)
      let count = poll(&entry, 1, Int32(min(milliseconds, 60_000)))
      // A signal does not count as the deadline.
      if count >= 0 || vgpu_last_errno() != EINTR { return count > 0 }
    }
  }
}
