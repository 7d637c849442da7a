// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Sends values to every listener.
package final class Broadcast<Element: Sendable>: Sendable {
  private let state = Mutex(State())
  private let capacity: Int

  private struct State {
    var isFinished = false
    var streams: [Int: AsyncStream<Element>.Continuation] = [:]
    var last = 0
  }

  /// - Parameter capacity: the most values that wait for a reader. When there are more, the oldest are
  ///   dropped.
  package init(keeping capacity: Int) { self.capacity = capacity }

  /// The values from now on, until `finish`. Each call makes a sequence of its own.
  package func stream() -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Element.self, bufferingPolicy: .bufferingNewest(capacity))
    let (id, isFinished) = state.withLock { state in
      state.last += 1
      if !state.isFinished { state.streams[state.last] = continuation }
      return (state.last, state.isFinished)
    }
    if isFinished { continuation.finish() }
    // Not weak: a weak reference leaves a record that valgrind calls lost while the object lives. The
    // end of the stream, which `finish` brings too, lets go.
    continuation.onTermination = { [self] _ in
      _ = state.withLock { $0.streams.removeValue(forKey: id) }
    }
    return stream
  }

  package func tell(_ value: Element) {
    for stream in state.withLock({ Array($0.streams.values) }) { stream.yield(value) }
  }

  /// Ends every sequence.
  package func finish() {
    let streams = state.withLock { state in
      state.isFinished = true
      defer { state.streams = [:] }
      return Array(state.streams.values)
    }
    for stream in streams { stream.finish() }
  }
}

extension Broadcast where Element == Void {
  /// Tells of changes, of which a listener wants to know that there were some.
  package convenience init() { self.init(keeping: 1) }

  package func tell() { tell(()) }
}
