// SPDX-License-Identifier: Apache-2.0

import CLinux
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

  /// close(2) on a thread of its own, which waits as long as that takes.
  ///
  /// - Parameter fd: of whatever was sent.
  public func close(_ fd: consuming OwnedFileDescriptor) {
    let closing = Unmanaged.passRetained(Closing(fd.release(), self))
    count.wrappingAdd(1, ordering: .relaxed)
    let code = vgpu_start_thread(
      { argument in
        guard let argument else { return nil }
        Unmanaged<Closing>.fromOpaque(argument).takeRetainedValue().close()
        return nil
      }, closing.toOpaque())
    // Without a thread it has to be done here.
    if code != 0 { closing.takeRetainedValue().close() }
  }

  /// What a thread has to do.
  private final class Closing: Sendable {
    let fd: Int32
    let owner: ForeignDescriptors

    init(_ fd: Int32, _ owner: ForeignDescriptors) {
      self.fd = fd
      self.owner = owner
    }

    func close() {
      _ = RunningKernel().close(fd)
      owner.count.wrappingSubtract(1, ordering: .relaxed)
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
