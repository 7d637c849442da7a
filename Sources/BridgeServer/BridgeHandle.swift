// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// Ends a bridge from any thread.
public final class BridgeHandle: Sendable {
  let wakeup: OwnedFileDescriptor

  init() throws(SystemCallError) {
    let number = try SystemCall.make("eventfd", on: "bridge") { vgpu_eventfd() }
    wakeup = OwnedFileDescriptor(owning: Int32(number))
  }

  /// Makes `BridgeServer.run` return, now or as soon as it is called.
  public func stop() { _ = eventfd_write(wakeup.rawValue, 1) }
}
