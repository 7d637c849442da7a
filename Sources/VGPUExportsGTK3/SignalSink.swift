// SPDX-License-Identifier: Apache-2.0

import CViewGTK3
import GuestInput
import Synchronization

/// A program that gets a guest's input itself, as signals of a `VgpuView`.
final class SignalSink: InputSink {
  // The view sends on GTK's thread alone, and until its peer closes, which the widget outlives.
  private nonisolated(unsafe) let widget: OpaquePointer
  private let queue = Mutex(InputQueue())

  init(_ widget: OpaquePointer) { self.widget = widget }

  /// The program takes everything.
  var state: GuestInputState { .ready([.keyboard, .mouse, .tablet]) }

  func changes() -> AsyncStream<Void> { AsyncStream { $0.finish() } }

  func send(_ event: GuestInputEvent) -> InputReceipt {
    guard queue.withLock({ $0.append(event) }) else { return .unchanged }
    emit()
    return .taken
  }

  func releaseAll() {
    queue.withLock { $0.releaseAll() }
    emit()
  }

  private func emit() {
    while true {
      let events = queue.withLock { $0.take() }
      guard !events.isEmpty else { return }
      for event in events { emit(event) }
    }
  }

  private func emit(_ event: GuestInputEvent) {
    switch event {
    case .key(let key, let down): vgpu_view_tell_key(widget, UInt32(key.rawValue), down ? 1 : 0)
    case .button(let button, let down): vgpu_view_tell_button(widget, button.code, down ? 1 : 0)
    case .absolute(let x, let y):
      vgpu_view_tell_pointer(widget, Int32(clamping: x), Int32(clamping: y))
    case .relative(let dx, let dy):
      vgpu_view_tell_motion(widget, Int32(clamping: dx), Int32(clamping: dy))
    case .wheel(.horizontal, let notches): vgpu_view_tell_wheel(widget, Int32(clamping: notches), 0)
    case .wheel(.vertical, let notches): vgpu_view_tell_wheel(widget, 0, Int32(clamping: notches))
    // It has no touch screen, so fingers come as the pointer.
    case .touchDown, .touchMove, .touchUp: break
    }
  }
}
