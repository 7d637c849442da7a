// SPDX-License-Identifier: Apache-2.0

import Glibc
import GuestInput
import Synchronization

/// A guest that prints what it is told, one event per line.
final class PrintingInput: InputSink {
  let state: GuestInputState
  private let queue = Mutex(InputQueue())

  init(state: GuestInputState) { self.state = state }

  func changes() -> AsyncStream<Void> { AsyncStream { $0.finish() } }

  func send(_ event: GuestInputEvent) -> InputReceipt {
    guard case .ready = state else { return .refused }
    return queue.withLock { queue in
      let isTaken = queue.append(event)
      Self.print(&queue)
      return isTaken ? .taken : .unchanged
    }
  }

  func releaseAll() {
    queue.withLock { queue in
      queue.releaseAll()
      Self.print(&queue)
    }
  }

  private static func print(_ queue: inout InputQueue) {
    while !queue.isEmpty {
      for event in queue.take() { report("event=\(text(event))") }
    }
  }

  private static func text(_ event: GuestInputEvent) -> String {
    switch event {
    case .key(let key, let down): "key \(key.rawValue) \(down ? "down" : "up")"
    case .button(let button, let down): "button \(button) \(down ? "down" : "up")"
    case .absolute(let x, let y): "absolute \(x) \(y)"
    case .relative(let dx, let dy): "relative \(dx) \(dy)"
    case .wheel(let axis, let notches): "wheel \(axis) \(notches)"
    case .touchDown(let slot, let x, let y): "touch \(slot) down \(x) \(y)"
    case .touchMove(let slot, let x, let y): "touch \(slot) move \(x) \(y)"
    case .touchUp(let slot): "touch \(slot) up"
    }
  }
}
