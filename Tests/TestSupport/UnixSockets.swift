// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A Unix stream socket that listens at a path.
public final class ListeningSocket: Sendable {
  public let path: String
  private let fd: Int32

  public init(_ path: String) {
    self.path = path
    unlink(path)
    fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) {
      $0.copyBytes(from: Array(path.utf8).prefix(107))
    }
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    listen(fd, 1)
  }

  deinit { close(fd) }

  /// Its descriptor, to wait on.
  public var descriptor: Int32 { fd }

  /// The next client; `nil` when none comes in a minute.
  public func accept() -> Int32? {
    var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 60_000) > 0 else { return nil }
    let client = Glibc.accept(fd, nil, nil)
    return client < 0 ? nil : client
  }
}

/// Passes bytes on between a client and an agent, as QEMU does between a socket and a port.
public final class Relay: Sendable {
  public let path: String
  private let socket: ListeningSocket
  private let agent: End

  /// A connected socket, which is closed when nobody has it any more: a number that a thread still uses
  /// may be another file's once it is closed.
  private final class End: Sendable {
    let fd: Int32
    init(_ fd: Int32) { self.fd = fd }
    deinit { close(fd) }
    func shutDown() { _ = shutdown(fd, Int32(SHUT_RDWR)) }
  }

  /// - Parameter agent: the agent's connection. This object closes it.
  public init(_ path: String, to agent: Int32) {
    self.path = path
    let socket = ListeningSocket(path)
    self.socket = socket
    let agent = End(agent)
    self.agent = agent
    Thread.detachNewThread {
      guard let client = socket.accept().map(End.init) else { return }
      Thread.detachNewThread { Self.pass(from: agent, to: client) }
      Self.pass(from: client, to: agent)
    }
  }

  deinit { agent.shutDown() }

  private static func pass(from: End, to: End) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = recv(from.fd, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      var rest = buffer[..<count]
      while !rest.isEmpty {
        let sent = rest.withUnsafeBytes {
          send(to.fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard sent > 0 else { return }
        rest = rest.dropFirst(sent)
      }
    }
    to.shutDown()
  }
}
