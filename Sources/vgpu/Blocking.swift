// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// For commands, which run on the main thread and have nothing else to do.
enum Blocking {
  /// Waits for what a task returns.
  static func value<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) throws -> Value {
    let outcome = Outcome<Value>()
    Task.detached {
      do {
        let value = try await body()
        outcome.settle(.success(value))
      } catch {
        outcome.settle(.failure(error))
      }
    }
    return try outcome.wait().get()
  }

  private final class Outcome<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>>(.failure(CancellationError()))
    private let isThere = DispatchSemaphore(value: 0)

    func settle(_ result: Result<Value, any Error>) {
      self.result.withLock { $0 = result }
      isThere.signal()
    }

    func wait() -> Result<Value, any Error> {
      isThere.wait()
      return result.withLock { $0 }
    }
  }
}
