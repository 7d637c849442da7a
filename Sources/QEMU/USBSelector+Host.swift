// SPDX-License-Identifier: Apache-2.0

public import HostDevices

extension USBSelector {
  /// Whether this user can hand it to a guest. One that is named by its numbers may be plugged in
  /// later.
  ///
  /// - Throws: `QEMUError.host`.
  public func check(on host: HostHardware) throws(QEMUError) {
    guard let device = host.usbDevices().first(where: { $0.matches(self) }) else {
      if case .id = self { return }
      throw .host("USB \(self)", reason: "nothing is plugged in there; lsusb lists what is")
    }
    guard host.mayOpen(device.node) else {
      throw .host(
        "USB \(self)",
        reason:
          "\(device.node) may not be opened; run as root, or let a udev rule give it to your user")
    }
  }
}
