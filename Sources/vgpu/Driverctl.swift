// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices

/// driverctl(8), which keeps a PCI function's driver over the host's starts: `/etc/driverctl.d` and a
/// udev rule. What it says goes to standard error.
struct Driverctl {
  private let path: String

  static func find() throws -> Driverctl {
    let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"]
    guard
      let path = folders.map({ "\($0)/driverctl" })
        .first(where: { FileManager.default.isExecutableFile(atPath: $0) })
    else {
      throw Failure(
        """
        driverctl: not installed, and --persist needs it; install it (Debian: apt install \
        driverctl), or leave --persist out
        """)
    }
    return Driverctl(path: path)
  }

  func setOverride(_ address: PCIAddress, _ driver: String) throws {
    try run(["set-override", "\(address)", driver], address)
  }

  /// Forgets the driver for the next start; the one that the function has now stays.
  func forget(_ address: PCIAddress) throws {
    let file = "/etc/driverctl.d/pci-\(address)"
    guard FileManager.default.fileExists(atPath: file) else { return }
    // Its own unset-override would take the device from its driver once more.
    do {
      try FileManager.default.removeItem(atPath: file)
    } catch {
      throw Failure("\(file): cannot be removed; remove it as root")
    }
  }

  private func run(_ arguments: [String], _ address: PCIAddress) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.standardError
    do {
      try process.run()
    } catch {
      throw Failure("\(path): cannot be started; install driverctl anew")
    }
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(
        """
        \(address): bound now, but driverctl could not keep it for the next start (its reason is \
        above); put it right and repeat
        """)
    }
  }
}
