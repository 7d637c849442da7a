// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How the first attempt to connect has ended, for those who wait for it.
final class FirstOutcome: Sendable {
  typealias Value = Result<Void, QEMUDisplayError>

  private struct State {
    var value: Value?
    var waiting: [CheckedContinuation<Value, Never>] = []
  }

  private let state = Mutex(State())

  /// Notes how an attempt has ended. Only the first one counts.
  func note(_ value: Value) {
    let waiting = state.withLock { state in
      guard state.value == nil else { return [CheckedContinuation<Value, Never>]() }
      state.value = value
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume(returning: value) }
  }

  /// Waits until the attempt is over.
  ///
  /// - Throws: why it failed.
  func get() async throws(QEMUDisplayError) {
    let value = await withCheckedContinuation { continuation in
      let value = state.withLock { state in
        if state.value == nil { state.waiting.append(continuation) }
        return state.value
      }
      if let value { continuation.resume(returning: value) }
    }
    try value.get()
  }
}
