// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
import Synchronization

/// Closes descriptors that another process has sent, and sockets by which it could have.
///
/// close(2) of what somebody else has chosen takes as long as he likes: the last descriptor of a TCP
/// connection lingers (SO_LINGER), a file of FUSE asks whoever serves it. A socket that is closed
/// closes what lies unread in it.
public final class ForeignDescriptors: Sendable {
  private let count = Atomic<Int>(0)

  /// None waits yet.
  public init() {}

  /// How many descriptors there are that `close` has not closed yet.
  public var waiting: Int { count.load(ordering: .relaxed) }

  /// close(2), one after the other, on a thread of their own, which waits as long as that takes. When
  /// there is no thread they stay open, and are counted.
  ///
  /// - Parameter descriptors: of whatever was sent together; they are this object's from now on.
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

  /// close(2) of sockets, with all that lies unread in them, and without waiting for any of it: a
  /// thread has copies of them, and ends. What is closed by an exit does not linger (socket(7)).
  ///
  /// - Returns: whether there was a thread; if not, they are open still.
  public static func close(sockets: [Int32]) -> Bool {
    vgpu_close_at_exit(sockets, sockets.count) == 0
  }
}
