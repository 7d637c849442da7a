// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// Calls a function at the first Ctrl-C (SIGINT) or SIGTERM. The next one ends the program.
final class InterruptWatch {
  private let sources: [any DispatchSourceSignal]
  private let seen: Seen

  private final class Seen: Sendable {
    private let count = Atomic(0)
    func add() -> Bool { count.wrappingAdd(1, ordering: .relaxed).newValue == 1 }
    var hasCome: Bool { count.load(ordering: .relaxed) > 0 }
  }

  /// - Parameter body: called on another thread.
  init(_ body: @escaping @Sendable () -> Void) {
    let seen = Seen()
    self.seen = seen
    let queue = DispatchQueue(label: "interrupts")
    sources = [SIGINT, SIGTERM].map { number in
      // A function and not SIG_IGN, which a program that is started meanwhile would keep.
      signal(number) { _ in }
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler {
        guard seen.add() else { _exit(1) }
        body()
      }
      source.activate()
      return source
    }
  }

  /// Whether one has come.
  var hasCome: Bool { seen.hasCome }

  /// The signals end the program again.
  func end() {
    for source in sources { source.cancel() }
    signal(SIGINT, SIG_DFL)
    signal(SIGTERM, SIG_DFL)
  }
}
