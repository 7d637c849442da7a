// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
import Synchronization

/// Closes descriptors that another process has sent, and sockets that may hold such descriptors
/// unread.
///
/// close(2) of a file that another user chose takes as long as that user likes: the last descriptor
/// of a TCP connection lingers (SO_LINGER), and a file on FUSE asks its server. Closing a socket
/// also closes the descriptors that lie unread in it.
public final class ForeignDescriptors: Sendable {
  private let count = Atomic<Int>(0)

  /// Makes an object that has nothing to close yet.
  public init() {}

  /// The number of descriptors that `close` has taken and not closed yet.
  public var waiting: Int { count.load(ordering: .relaxed) }

  /// close(2) of one descriptor after the other, on a thread of their own that waits as long as the
  /// calls take. When no thread can be made, the descriptors stay open and are counted.
  ///
  /// - Parameter descriptors: descriptors of any kind that were sent together; this object owns
  ///   them from now on.
  public func close(_ descriptors: [Int32]) {
    if descriptors.isEmpty { return }
    count.wrappingAdd(descriptors.count, ordering: .relaxed)
    try? SystemThread.detach(for: "descriptors that others have sent") {
      for fd in descriptors {
        _ = RunningKernel().close(fd)
        self.count.wrappingSubtract(1, ordering: .relaxed)
      }
    }
  }

  /// close(2) of sockets and of all descriptors that lie unread in them, without waiting. A thread
  /// takes copies of the sockets and ends: a socket that an exit closes does not linger
  /// (socket(7)).
  ///
  /// - Returns: whether a thread could be made; if not, the sockets are still open.
  public static func close(sockets: [Int32]) -> Bool {
    vgpu_close_at_exit(sockets, sockets.count) == 0
  }
}
