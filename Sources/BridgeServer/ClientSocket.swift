// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// Closes clients' sockets, all of a turn's together.
///
/// A client can leave messages with descriptors in its socket. Whoever closes that, or takes them,
/// closes what may be their last reference, and waits for whatever its owner has arranged, such as a
/// TCP connection that lingers for hours (SO_LINGER). So the bridge takes none, and its clients'
/// sockets are closed as `ForeignDescriptors.close(sockets:)` has it.
final class SocketCloser {
  private var sockets: [Int32] = []

  init() {}

  fileprivate func close(_ socket: Int32) {
    // The client is to know now.
    shutdown(socket, Int32(SHUT_RDWR))
    sockets.append(socket)
  }

  /// Closes those that have come since.
  func close() {
    guard !sockets.isEmpty, ForeignDescriptors.close(sockets: sockets) else { return }
    sockets.removeAll(keepingCapacity: true)
  }

  /// Whether so many sockets wait, for want of a thread, that no more should come: each is a descriptor
  /// of this process.
  var isBehind: Bool { sockets.count > 128 }

  deinit { close() }
}

/// The bridge's end of a connection, closed when this value has ended.
struct ClientSocket: ~Copyable {
  let rawValue: Int32
  private let closer: SocketCloser

  /// Takes over a descriptor that nobody else will close.
  init(owning rawValue: Int32, _ closer: SocketCloser) {
    self.rawValue = rawValue
    self.closer = closer
  }

  deinit { closer.close(rawValue) }
}
