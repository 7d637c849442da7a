// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices

/// driverctl(8): keeps a PCI function's driver in `/etc/driverctl.d` and, by its udev rule, binds it
/// again when the host starts.
struct Driverctl {
  private let program: SystemProgram

  /// - Throws: `Failure` where it is not installed.
  init() throws {
    program = try SystemProgram("driverctl", neededFor: "--persist")
  }

  /// Keeps the driver that a function is bound to, and binds it once more.
  func keep(_ driver: String, of address: PCIAddress) throws {
    _ = try program.run("set-override", "\(address)", driver)
  }

  /// Forgets the driver for the next start; the one that the function has now stays.
  func forget(_ address: PCIAddress) throws {
    // Its own unset-override would take the device from its driver once more.
    let file = "/etc/driverctl.d/pci-\(address)"
    guard FileManager.default.fileExists(atPath: file) else { return }
    do {
      try FileManager.default.removeItem(atPath: file)
    } catch {
      throw Failure("\(file): cannot be removed; remove it as root")
    }
  }
}
