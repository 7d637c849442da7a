// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization

/// Looks after the sources of this process, so that a source closes its device in time when nobody
/// polls the source. One thread does it for all sources, and runs only while there is one.
final class DeviceWatch: Sendable {
  static let shared = DeviceWatch()

  /// What is looked after.
  protocol Keeper: AnyObject, Sendable {
    /// Closes what must be closed.
    func lookAfter()
  }

  private struct Watched {
    var keepers: [Weak] = []
    var isThreadRunning = false
  }

  private struct Weak {
    weak var keeper: (any Keeper)?
  }

  private let watched = Mutex(Watched())

  /// The time between two looks: a guest that is started again at once finds its device free.
  static let interval = Duration.milliseconds(100)

  /// Looks after one more, as long as it exists.
  func add(_ keeper: any Keeper) {
    let begins = watched.withLock { watched in
      watched.keepers.append(Weak(keeper: keeper))
      defer { watched.isThreadRunning = true }
      return !watched.isThreadRunning
    }
    guard begins else { return }
    do {
      try SystemThread.detach(for: "the watch for guests that end") { self.run() }
    } catch {
      // Polls look after their source too. The next source tries again to have a thread.
      watched.withLock { $0.isThreadRunning = false }
    }
  }

  private func run() {
    while lookAfterAll() { SystemThread.sleep(for: Self.interval) }
  }

  /// - Returns: whether anything is left to look after.
  private func lookAfterAll() -> Bool {
    // No lock is held during the looks, because a look may make or end a source.
    for weak in watched.withLock({ $0.keepers }) { weak.keeper?.lookAfter() }
    return watched.withLock { watched in
      watched.keepers.removeAll { $0.keeper == nil }
      watched.isThreadRunning = !watched.keepers.isEmpty
      return watched.isThreadRunning
    }
  }
}
