// SPDX-License-Identifier: Apache-2.0

/// What is known of a PCI driver by its name.
enum PCIDriver {
  static func path(_ name: String) -> String { "/sys/bus/pci/drivers/\(name)" }

  /// Whether it can be a driver's name, which becomes part of a path.
  static func isName(_ name: String) -> Bool {
    Sysfs.isName(name) && name.utf8.count <= 64 && !name.contains { $0 == "/" || $0 == " " }
      && !name.allSatisfy { $0 == "." }
  }

  /// Whether it hands devices to guests: vfio-pci and its relatives, such as nvgrace-gpu-vfio-pci.
  static func isForGuests(_ name: String) -> Bool {
    name.contains("vfio-pci") || name.contains("vfio_pci")
  }
}

extension PCIFunction {
  /// Whether it must keep its driver, which hands it to guests and is no relative of vfio-pci: NVIDIA's
  /// makes virtual GPUs of virtual functions, which another driver would end.
  public var mustKeepDriver: Bool { isForGuests && !(driver.map(PCIDriver.isForGuests) ?? false) }

  /// Whether its driver is one under which the kernel gives its IOMMU group to nobody: any but
  /// those that leave the group's memory alone (`driver_managed_dma`: VFIO's, pci-stub, a bridge's).
  public var keepsGroupFromGuests: Bool {
    guard let driver else { return false }
    return !isForGuests && driver != "pci-stub" && !classCode.isPCIBridge
  }
}
