// SPDX-License-Identifier: Apache-2.0

import GuestInput
import LinuxSystem

/// What a control knows, under its lock.
struct ControlState {
  var queue = InputQueue()
  var monitor: (any MachineMonitor)?
  var machine = MachineState.unknown
  var hasAbsolutePointer = false
  /// To the mouse beside the tablet, and how often one began or ended: odd while on one.
  var detour: MouseDetour?
  var detours = 0
  /// Why there is no monitor.
  var reason = MonitorUnavailable.unknown.description
  /// Keys that this QEMU has no name for, or no device.
  var unknownKeys: Set<Keycode> = []
  /// Wakes the sender; there is one while there is a monitor.
  var wakeup: AsyncStream<Void>.Continuation?
  /// When the command was sent that is not answered yet.
  var sentAt: MonotonicInstant?
  var lastUse = MonotonicInstant(nanoseconds: 0)
  var supervisor: Task<Void, Never>?
  var isClosed = false
  var streams: [Int: AsyncStream<GuestEvent>.Continuation] = [:]
  var nextStream = 0

  /// - Returns: what wakes the sender, where it has something to do.
  mutating func afterChange() -> AsyncStream<Void>.Continuation? {
    if machine.reasonAgainstInput != nil { queue.keepReleases() }
    // While an answer is awaited the sender is awake.
    return queue.isEmpty || sentAt != nil ? nil : wakeup
  }

  mutating func disconnect() {
    monitor = nil
    wakeup?.finish()
    wakeup = nil
    queue.reset()
    unknownKeys = []
    sentAt = nil
    hasAbsolutePointer = false
    detour = nil
  }

  /// Leaves out what QEMU refuses by itself: the first of the queue.
  ///
  /// - Returns: the key that it is, if it is one.
  mutating func leaveOut(_ item: InputQueue.Item) -> Keycode? {
    switch item {
    case .change(let what, _):
      queue.forget(what)
      guard case .key(let key) = what, unknownKeys.insert(key).inserted else { return nil }
      return key
    case .absolute, .relative, .wheel:
      _ = queue.take(limit: 1)
      return nil
    }
  }
}
