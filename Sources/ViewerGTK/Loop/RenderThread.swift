// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A thread of its own for what draws: it sleeps in poll(2), waits for GPUs and display servers, and
/// must neither hold up GTK's thread nor be held up by it. A task would not do, as it may not block.
struct RenderThread: ~Copyable, Sendable {
  private let thread: pthread_t

  /// Carries the body over to the thread.
  private final class Start {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Runs a body, which nobody else has any part of, on a new thread, which is to be joined.
  ///
  /// - Throws: `SystemCallError` when there is none (pthread_create).
  init(_ body: sending @escaping () -> Void) throws(SystemCallError) {
    let start = Unmanaged.passRetained(Start(body))
    var thread = pthread_t()
    let answer = vgpu_start_joinable_thread(
      { argument in
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, start.toOpaque(), &thread)
    guard answer == 0 else {
      start.release()
      throw SystemCallError(
        call: "pthread_create", object: "the render thread", errno: SystemCall.errno(answer))
    }
    self.thread = thread
  }

  /// Waits until the body has ended and all that it had is released.
  consuming func join() { _ = vgpu_join_thread(thread) }
}
