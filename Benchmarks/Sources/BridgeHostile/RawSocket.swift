// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import Glibc

/// A connection to a bridge that sends any bytes and never waits.
final class RawSocket {
  private let fd: Int32

  /// Connects; tries again at once while the bridge's queue of connections is full.
  init?(_ path: String) {
    fd = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard fd >= 0 else { return nil }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    while true {
      let answer = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(fd, $0, size) }
      }
      if answer == 0 { return }
      guard errno == EAGAIN else { return nil }
    }
  }

  deinit { close(fd) }

  enum Sending { case sent, full, ended }

  /// - Parameter descriptors: how many copies of standard error's descriptor to send with it, 253
  ///   at most.
  @discardableResult
  func send(_ bytes: UnsafeRawBufferPointer, descriptors: Int = 0) -> Sending {
    var part = iovec(iov_base: .init(mutating: bytes.baseAddress), iov_len: bytes.count)
    let header = MemoryLayout<cmsghdr>.size
    let length = header + descriptors * 4
    let answer = withUnsafeMutablePointer(to: &part) { part in
      withUnsafeTemporaryAllocation(byteCount: length + 8, alignment: 8) { control in
        var message = msghdr()
        message.msg_iov = part
        message.msg_iovlen = 1
        if descriptors > 0 {
          var rights = cmsghdr()
          rights.cmsg_len = length
          rights.cmsg_level = SOL_SOCKET
          rights.cmsg_type = Int32(SCM_RIGHTS)
          control.storeBytes(of: rights, as: cmsghdr.self)
          for index in 0..<descriptors {
            control.storeBytes(of: Int32(2), toByteOffset: header + index * 4, as: Int32.self)
          }
          message.msg_control = control.baseAddress
          // Rounded up to whole words, as the kernel counts them.
          message.msg_controllen = (length + 7) / 8 * 8
        }
        return sendmsg(fd, &message, Int32(MSG_NOSIGNAL))
      }
    }
    if answer >= 0 { return .sent }
    return [EAGAIN, ETOOMANYREFS].contains(errno) ? .full : .ended
  }

  @discardableResult
  func send(_ message: ClientMessage) -> Sending {
    withUnsafeTemporaryAllocation(byteCount: WireConstants.longestMessage, alignment: 8) {
      let count = message.encode(serial: 1, into: $0)
      return send(UnsafeRawBufferPointer(rebasing: $0[..<count]))
    }
  }

  func sendBytes(_ bytes: [UInt8], descriptors: Int = 0) -> Sending {
    bytes.withUnsafeBytes { send($0, descriptors: descriptors) }
  }

  func finishSending() { shutdown(fd, Int32(SHUT_WR)) }

  /// Reads the waiting messages, and drops their descriptors.
  ///
  /// - Returns: whether the connection still exists.
  func drain() -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { bytes in
      while true {
        // No room for descriptors: the kernel drops them.
        let count = recv(fd, bytes.baseAddress, bytes.count, 0)
        if count == 0 { return false }
        if count < 0 { return errno == EAGAIN }
      }
    }
  }
}
