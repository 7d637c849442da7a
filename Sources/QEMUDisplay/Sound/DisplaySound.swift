// SPDX-License-Identifier: Apache-2.0

import GuestSound
import LinuxSystem
import Synchronization

/// One direction of a guest's sound, over all connections. Its tasks refer to this object only, and its
/// owner ends them.
final class DisplaySound: Sendable {
  private let direction: SoundListener.Direction
  private let guest: String
  private let state = Mutex(State())

  private struct State {
    var task: Task<Void, Never>?
    var listener: PeerConnection?
    var problem: QEMUDisplayError?
    var isStopped = false
  }

  /// The pauses between attempts. Of two clients QEMU has the first one's listener until that ends.
  private static let pauses: [Duration] = [
    .milliseconds(100), .milliseconds(250), .seconds(1), .seconds(5),
  ]

  init(_ direction: SoundListener.Direction, of guest: String) {
    self.direction = direction
    self.guest = guest
  }

  /// Why there is no sound; `nil` when there is, and while there is no connection.
  var problem: QEMUDisplayError? { state.withLock(\.problem) }

  /// Has the sound sent over a connection, until that ends. Does not wait.
  func attach(_ session: DisplaySession) {
    let old = state.withLock { state in
      defer { (state.task, state.listener) = (nil, nil) }
      return (state.task, state.listener)
    }
    old.0?.cancel()
    old.1?.close()
    // Another QEMU has other streams.
    direction.streams.endAll()
    state.withLock { state in
      guard !state.isStopped else { return }
      // Another call may have come meanwhile. A session that has ended ends its own task.
      state.task?.cancel()
      state.task = Task.detached { [self] in await follow(session) }
    }
  }

  /// Ends the sound.
  func stop() {
    let (task, listener) = state.withLock { state in
      state.isStopped = true
      defer { (state.task, state.listener) = (nil, nil) }
      return (state.task, state.listener)
    }
    task?.cancel()
    listener?.close()
    direction.streams.endAll()
  }

  private func follow(_ session: DisplaySession) async {
    var failures = 0
    while !Task.isCancelled, !session.hasEnded {
      do throws(QEMUDisplayError) {
        let (guest, direction) = (guest, direction)
        let listener = try await onThread(for: guest, failing: QEMUDisplayError.system) {
          () throws(QEMUDisplayError) in
          try session.listen(to: direction)
        }
        let isOurs = state.withLock { state in
          guard !state.isStopped, !Task.isCancelled else { return false }
          (state.listener, state.problem) = (listener, nil)
          return true
        }
        if !isOurs { return listener.close() }
        failures = 0
        while !Task.isCancelled, !session.hasEnded, !listener.hasEnded {
          await session.waitForEnd(orOf: listener)
        }
        listener.close()
        if Task.isCancelled { return }
        // A newer connection may have new streams by now, which are not this one's to end.
        let isLast = state.withLock { state in
          guard state.listener === listener else { return false }
          state.listener = nil
          return true
        }
        if isLast { direction.streams.endAll() }
      } catch {
        state.withLock { $0.problem = error }
        // A QEMU without sound never has any.
        switch error {
        case .noSound, .deadlySound: return
        default: break
        }
      }
      let pause = Self.pauses[min(failures, Self.pauses.count - 1)]
      failures += 1
      guard (try? await Task.sleep(for: pause)) != nil else { return }
    }
  }
}
