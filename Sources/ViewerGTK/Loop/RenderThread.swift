// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A thread of its own for what draws: it sleeps in poll(2), waits for GPUs and display servers, and
/// must neither hold up GTK's thread nor be held up by it. A task would not do, as it may not block.
enum RenderThread {
  /// Carries the body over to the thread.
  private final class Start {
    var body: (() -> Void)?
    let atEnd: @Sendable () -> Void

    init(_ body: @escaping () -> Void, _ atEnd: @escaping @Sendable () -> Void) {
      self.body = body
      self.atEnd = atEnd
    }
  }

  /// Runs a body, which nobody else has any part of, on a new thread.
  ///
  /// - Parameter atEnd: called there as the last thing, when the body and all that it had are gone.
  /// - Throws: `SystemCallError` when there is none (pthread_create).
  static func start(
    _ body: sending @escaping () -> Void, atEnd: @escaping @Sendable () -> Void
  ) throws(SystemCallError) {
    let start = Unmanaged.passRetained(Start(body, atEnd))
    let answer = vgpu_start_thread(
      { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        start.body?()
        start.body = nil
        start.atEnd()
        return nil
      }, start.toOpaque())
    guard answer != 0 else { return }
    start.release()
    throw SystemCallError(
      call: "pthread_create", object: "the render thread", errno: SystemCall.errno(answer))
  }
}
