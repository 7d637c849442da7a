// SPDX-License-Identifier: Apache-2.0

import GuestInput
import QMP

/// How a guest with a tablet gets what QEMU's tablets do not pass on: by the mainboard's PS/2 mouse,
/// which has both wheels and five buttons, but is asked only while it is the selected one.
struct MouseDetour: Hashable {
  /// The PS/2 mouse's number in `query-mice`.
  let mouse: Int
  /// That of the tablet, which is selected else.
  let tablet: Int
  /// QEMU's USB tablet has three buttons, virtio's five.
  let hasSideButtons: Bool

  /// `nil` where the guest uses no tablet, or has no such mouse.
  init?(_ mice: [QueryMice.Mouse]) {
    guard let tablet = mice.first(where: { $0.current && $0.absolute }),
      let mouse = mice.first(where: { $0.name == "QEMU PS/2 Mouse" })
    else { return nil }
    self.mouse = mouse.index
    self.tablet = tablet.index
    hasSideButtons = tablet.name != "QEMU HID Tablet"
  }

  /// Whether something has to go this way.
  func isNeeded(for item: InputQueue.Item) -> Bool {
    switch item {
    case .wheel(.horizontal, _): true
    case .change(.button(.side), _), .change(.button(.extra), _): !hasSideButtons
    default: false
    }
  }
}
