// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Waits for descriptors without a thread of its own.
package enum ReadableDescriptor {
  /// Returns when a descriptor is readable (POLLIN), or when the task is cancelled.
  ///
  /// - Parameter fd: stays open meanwhile, and the caller's.
  package static func wait(for fd: Int32) async {
    let source = DispatchSource.makeReadSource(fileDescriptor: fd, queue: queue)
    let waiter = Waiter(source)
    source.setEventHandler { waiter.end() }
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter.begin($0) }
    } onCancel: {
      waiter.end()
    }
  }

  private static let queue = DispatchQueue(label: "descriptors")

  /// One wait. A source must be activated before it is released, and cancelled before its descriptor is
  /// closed: its cancel handler is the last that uses the descriptor, and resumes the task.
  ///
  /// `@unchecked Sendable`: a source's functions may be called on any thread.
  private final class Waiter: @unchecked Sendable {
    private let source: any DispatchSourceRead
    private let continuation = Mutex<CheckedContinuation<Void, Never>?>(nil)

    init(_ source: any DispatchSourceRead) { self.source = source }

    func begin(_ continuation: CheckedContinuation<Void, Never>) {
      self.continuation.withLock { $0 = continuation }
      source.setCancelHandler { [self] in
        self.continuation.withLock { $0.take() }?.resume()
      }
      source.activate()
    }

    func end() { source.cancel() }
  }
}
