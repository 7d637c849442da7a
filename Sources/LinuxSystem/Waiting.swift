// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Runs a task, and blocks this thread until the task has ended: for programs that ask a few things,
/// and for callers in C. Never call it in a task: it would hold up one of the threads that all tasks
/// share.
///
/// - Throws: the body's error.
package func waiting<Value: Sendable, Problem: Error>(
  for body: @escaping @Sendable () async throws(Problem) -> Value
) throws(Problem) -> Value {
  let outcome = Outcome<Value, Problem>()
  Task.detached {
    do throws(Problem) {
      outcome.settle(.success(try await body()))
    } catch {
      outcome.settle(.failure(error))
    }
  }
  return try outcome.wait().get()
}

/// Runs a function that blocks on a thread of its own, and waits for it as a task does: the opposite of
/// `waiting`.
///
/// - Parameters:
///   - object: the thread's work, for the error.
///   - failure: makes an error of a thread that cannot be had.
/// - Throws: the body's error, or that of `failure`.
package func onThread<Value: Sendable, Problem: Error>(
  for object: String, failing failure: @escaping @Sendable (SystemCallError) -> Problem,
  _ body: @escaping @Sendable () throws(Problem) -> Value
) async throws(Problem) -> Value {
  let outcome = await withCheckedContinuation {
    (continuation: CheckedContinuation<Result<Value, Problem>, Never>) in
    do throws(SystemCallError) {
      try SystemThread.detach(for: object) {
        continuation.resume(returning: Result(catching: body))
      }
    } catch {
      continuation.resume(returning: .failure(failure(error)))
    }
  }
  return try outcome.get()
}

/// The outcome of work that another thread does. A thread that may block waits for it.
package final class Outcome<Value: Sendable, Problem: Error>: Sendable {
  private let result = Mutex<Result<Value, Problem>?>(nil)
  private let isSettled = DispatchSemaphore(value: 0)

  /// There is none yet.
  package init() {}

  /// Settles it, once.
  package func settle(_ result: Result<Value, Problem>) {
    self.result.withLock { $0 = result }
    isSettled.signal()
  }

  /// Blocks until it is settled. One thread waits, once.
  package func wait() -> Result<Value, Problem> {
    while true {
      isSettled.wait()
      if let result = result.withLock(\.self) { return result }
    }
  }
}
