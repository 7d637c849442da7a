// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// A thread of the system (pthread_create(3)), for work that blocks. A task may not block, because
/// it would hold up one of the few threads that all tasks share. Such a thread takes no signals:
/// the program's other threads handle them.
public struct SystemThread: ~Copyable, Sendable {
  private let thread: pthread_t

  /// Carries a body to its thread.
  private final class Start {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Runs a body on a new thread. The caller keeps no part of the body. `join` waits for the
  /// thread.
  ///
  /// - Parameters:
  ///   - object: the thread's work, for the error.
  ///   - body: released on the thread, after it has returned.
  /// - Throws: `SystemCallError` on `object` when there is no thread; `body` does not run then.
  public init(
    for object: @autoclosure () -> String, _ body: sending @escaping () -> Void
  ) throws(SystemCallError) {
    var thread = pthread_t()
    try Self.start(object(), body) { vgpu_start_joinable_thread($0, $1, &thread) }
    self.thread = thread
  }

  /// pthread_join(3): waits until the body has returned and has been released.
  public consuming func join() { _ = vgpu_join_thread(thread) }

  /// Runs a body on a new thread that nobody waits for. The caller keeps no part of the body.
  ///
  /// - Parameters:
  ///   - object: the thread's work, for the error.
  ///   - body: released on the thread, after it has returned.
  /// - Throws: `SystemCallError` on `object` when there is no thread; `body` does not run then.
  public static func detach(
    for object: @autoclosure () -> String, _ body: sending @escaping () -> Void
  ) throws(SystemCallError) {
    try start(object(), body) { vgpu_start_thread($0, $1) }
  }

  /// clock_nanosleep(2) on CLOCK_MONOTONIC: holds up this thread for the whole duration, even when
  /// signals arrive.
  public static func sleep(for duration: Duration) {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0, attoseconds >= 0 else { return }
    var rest = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    var time = rest
    while clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &rest) == EINTR { time = rest }
  }

  private typealias Body = @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?

  private static func start(
    _ object: @autoclosure () -> String, _ body: @escaping () -> Void,
    _ create: (Body, UnsafeMutableRawPointer) -> Int
  ) throws(SystemCallError) {
    let start = Unmanaged.passRetained(Start(body))
    let answer = create(
      { argument in
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, start.toOpaque())
    guard answer != 0 else { return }
    start.release()
    throw SystemCallError(
      call: "pthread_create", object: object(), errno: SystemCall.errno(answer))
  }
}
