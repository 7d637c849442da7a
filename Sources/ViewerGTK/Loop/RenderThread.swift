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

/// A descriptor that becomes readable at a set time, to the microsecond (timerfd_create(2)):
/// poll(2)'s own timeout knows milliseconds only.
struct Alarm: ~Copyable {
  let descriptor: OwnedFileDescriptor
  private var time: MonotonicInstant?
  /// It has gone off, and stays readable until it is set.
  private var isRinging = false

  init() throws(SystemCallError) {
    let fd = try SystemCall.make("timerfd_create", on: "the render thread") { vgpu_timerfd() }
    descriptor = OwnedFileDescriptor(owning: Int32(fd))
  }

  /// At a time, or never.
  mutating func set(_ time: MonotonicInstant?) {
    guard isRinging || time != self.time else { return }
    self.time = time
    isRinging = false
    // Zero would switch it off.
    _ = vgpu_timerfd_set(descriptor.rawValue, time.map { max(1, $0.nanoseconds) } ?? 0)
  }

  /// poll(2) has found it readable.
  mutating func hasRung() { isRinging = true }
}
