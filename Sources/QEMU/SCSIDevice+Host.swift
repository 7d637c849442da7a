// SPDX-License-Identifier: Apache-2.0

public import HostDevices

extension SCSIDevice {
  /// Whether this user may hand it to a guest.
  ///
  /// - Throws: `QEMUError.host`.
  public func check(on host: HostHardware) throws(QEMUError) {
    guard host.mayOpen(genericNode) else {
      throw .host(
        genericNode,
        reason: "may not be opened for writing; run as root, or join its group (ls -l tells which)")
    }
  }
}
