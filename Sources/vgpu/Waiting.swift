// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import LinuxSystem
import Synchronization

/// Runs a task and waits for it: for commands that have a few things to ask, and no window.
func waiting<Value: Sendable>(
  for body: @escaping @Sendable () async throws -> Value
) throws -> Value {
  let outcome = Outcome<Value>()
  Task.detached {
    do {
      outcome.settle(.success(try await body()))
    } catch {
      outcome.settle(.failure(error))
    }
  }
  return try outcome.wait().get()
}

private final class Outcome<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let isSettled = DispatchSemaphore(value: 0)

  func settle(_ result: Result<Value, any Error>) {
    self.result.withLock { $0 = result }
    isSettled.signal()
  }

  func wait() -> Result<Value, any Error> {
    isSettled.wait()
    return result.withLock(\.self) ?? .failure(CancellationError())
  }
}

/// For a command that has nothing else to do meanwhile.
func pause(seconds: Double) { SystemThread.sleep(for: .seconds(seconds)) }
