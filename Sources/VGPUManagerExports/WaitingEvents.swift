// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import Synchronization
import VGPUExports

/// Events that wait for a caller in C, and a descriptor that is readable meanwhile.
final class WaitingEvents<Event: Sendable>: Sendable {
  private struct State: ~Copyable {
    var events: [Event] = []
    /// An eventfd, made when somebody asks for it.
    var descriptor: OwnedFileDescriptor?

    mutating func ring() {
      if let fd = descriptor?.rawValue { _ = eventfd_write(fd, 1) }
    }

    mutating func silence() {
      var count: eventfd_t = 0
      if let fd = descriptor?.rawValue { _ = eventfd_read(fd, &count) }
    }
  }

  private let state = Mutex(State())
  /// Whose events they are, for errors.
  private let owner: String

  init(of owner: String) { self.owner = owner }

  /// The most events that wait. When there are more, the oldest are dropped.
  private static var capacity: Int { 256 }

  /// The descriptor, borrowed.
  func descriptor() throws(Failure) -> Int32 {
    try state.withLock { (state) throws(Failure) in
      if let descriptor = state.descriptor?.rawValue { return descriptor }
      do throws(SystemCallError) {
        let fd = try SystemCall.make("eventfd", on: owner) { vgpu_eventfd() }
        state.descriptor = OwnedFileDescriptor(owning: Int32(fd))
      } catch {
        throw Failure(error)
      }
      if !state.events.isEmpty { state.ring() }
      return state.descriptor?.rawValue ?? -1
    }
  }

  /// Takes the oldest event.
  func next() -> Event? {
    state.withLock { state in
      guard !state.events.isEmpty else { return nil }
      let event = state.events.removeFirst()
      if state.events.isEmpty { state.silence() }
      return event
    }
  }

  /// Adds an event.
  ///
  /// - Parameter isReplaced: whether an event that waits is out of date now.
  func add(_ event: Event, replacing isReplaced: (Event) -> Bool = { _ in false }) {
    state.withLock { state in
      state.events.removeAll(where: isReplaced)
      if state.events.count >= Self.capacity { state.events.removeFirst() }
      state.events.append(event)
      state.ring()
    }
  }
}
