// SPDX-License-Identifier: Apache-2.0

import Dispatch
public import Testing

/// Runs tests on a thread of their own, as a program in C has one: functions that block on a task
/// would hold up the threads that all tasks share.
public struct OwnThread: SuiteTrait, TestTrait, TestScoping {
  public var isRecursive: Bool { true }

  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    try await withTaskExecutorPreference(Executor()) { try await function() }
  }

  private final class Executor: TaskExecutor {
    // A queue of one's own has its own threads; the shared ones have as many as there are processors.
    private let queue = DispatchQueue(label: "a test")

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      let executor = asUnownedTaskExecutor()
      queue.async { job.runSynchronously(on: executor) }
    }
  }
}

extension Trait where Self == OwnThread {
  public static var onOwnThread: Self { OwnThread() }
}
