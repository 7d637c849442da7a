// SPDX-License-Identifier: Apache-2.0

import Glibc
import GuestInput

/// A guest that prints what it is told, one event per line.
final class PrintingInput: InputSink {
  let state: GuestInputState

  init(state: GuestInputState) { self.state = state }

  func send(_ event: GuestInputEvent) {
    let text =
      switch event {
      case .key(let key, let down): "key \(key.rawValue) \(down ? "down" : "up")"
      case .button(let button, let down): "button \(button) \(down ? "down" : "up")"
      case .absolute(let x, let y): "absolute \(x) \(y)"
      case .relative(let dx, let dy): "relative \(dx) \(dy)"
      case .wheel(let axis, let notches): "wheel \(axis) \(notches)"
      }
    report("event=\(text)")
  }
}
