// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// A thread that closes clients' sockets.
///
/// A client can leave messages with descriptors in its socket. Whoever closes that, or takes them,
/// closes what may be their last reference, and waits for whatever its owner has arranged, such as a
/// TCP connection that lingers for hours (SO_LINGER). So the bridge takes none, and closes nothing of
/// its clients by itself.
final class SocketCloser {
  private let queue: OwnedFileDescriptor

  init() throws(SystemCallError) {
    let number = try SystemCall.make("pthread_create", on: "bridge") { vgpu_start_closing() }
    queue = OwnedFileDescriptor(owning: Int32(number))
  }

  fileprivate func close(_ socket: Int32) { vgpu_close_elsewhere(queue.rawValue, socket) }

  /// Whether so many sockets wait that no more should come: each is a descriptor of this process.
  var isBehind: Bool { vgpu_waiting_to_close(queue.rawValue) > 1024 }
}

/// The bridge's end of a connection, closed when this value ends, on another thread.
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
