// SPDX-License-Identifier: Apache-2.0

public import HostDevices
import LinuxSystem
import SystemPackage

/// The drivers that PCI functions have after the host's reboots too. driverctl(8) keeps them in
/// `/etc/driverctl.d`, and its udev rule binds them.
///
/// All of it needs root.
public struct PersistentBindings: Sendable {
  private let program: SystemProgram
  private let folder: String

  /// Finds driverctl.
  ///
  /// - Throws: `PersistenceError.notInstalled`.
  public init() throws(PersistenceError) {
    guard let program = SystemProgram("driverctl") else {
      throw .notInstalled(program: "driverctl", purpose: "--persist")
    }
    self.init(program, folder: "/etc/driverctl.d")
  }

  init(_ program: SystemProgram, folder: String) {
    self.program = program
    self.folder = folder
  }

  /// Keeps a function's driver, and binds the function to it once more.
  ///
  /// - Throws: `PersistenceError`: `system` or `failed`.
  public func keep(_ driver: String, of address: PCIAddress) throws(PersistenceError) {
    _ = try program.work("set-override", "\(address)", driver)
  }

  /// Forgets a function's driver for the next reboot (unlink(2)); the driver that the function has
  /// now stays. A function that has none kept stays as it is.
  ///
  /// - Throws: `PersistenceError.system`.
  public func forget(_ address: PCIAddress) throws(PersistenceError) {
    // driverctl's unset-override would take the device from its driver once more.
    let file = "\(folder)/pci-\(address)"
    do throws(SystemCallError) {
      try FileTree.remove(file)
    } catch {
      if error.errno == .noSuchFileOrDirectory { return }
      throw .system(error.advising("remove it as root"))
    }
  }
}
