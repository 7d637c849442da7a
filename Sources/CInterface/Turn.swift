// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Lets one caller after the other use a source and the buffers that came from it, none of which is
/// for several threads at once. Buffers keep it when their source has been closed.
final class Turn: Sendable {
  private let mutex = Mutex(())

  /// Runs `body` while nobody else does.
  func take<Value: Sendable, Problem: Error>(
    _ body: () throws(Problem) -> Value
  ) throws(Problem) -> Value {
    try mutex.withLock { _ throws(Problem) in try body() }
  }
}
