// SPDX-License-Identifier: Apache-2.0

extension HostHardware {
  /// The PCI functions, by address: `/sys/bus/pci/devices`.
  ///
  /// - Throws: `HostDevicesError.system` when the folder may not be read.
  public func pciFunctions() throws(HostDevicesError) -> [PCIFunction] {
    try sysfs.names(in: "/sys/bus/pci/devices").compactMap { PCIAddress($0) }.sorted()
      .compactMap(pciFunction)
  }

  /// One PCI function: `/sys/bus/pci/devices/<address>`; `nil` when there is none.
  public func pciFunction(at address: PCIAddress) -> PCIFunction? {
    guard let path = sysfs.resolve("/sys/bus/pci/devices/\(address)"),
      let vendor = sysfs.text("\(path)/vendor").flatMap(PCIID.init),
      let device = sysfs.text("\(path)/device").flatMap(PCIID.init),
      let classCode = sysfs.text("\(path)/class").flatMap(PCIClass.init)
    else { return nil }
    let nodes = drmNodes(ofDevice: path)
    return PCIFunction(
      address: address, vendor: vendor, device: device,
      subsystemVendor: sysfs.text("\(path)/subsystem_vendor").flatMap(PCIID.init),
      subsystemDevice: sysfs.text("\(path)/subsystem_device").flatMap(PCIID.init),
      classCode: classCode, driver: sysfs.linkedName("\(path)/driver"),
      physicalFunction: sysfs.linkedName("\(path)/physfn").flatMap { PCIAddress($0) },
      vfioDevice: sysfs.readableNames(in: "\(path)/vfio-dev").first,
      iommuGroup: iommuGroupNumber(ofDevice: path),
      isBootVGA: sysfs.number("\(path)/boot_vga") == 1, cardNode: nodes.card,
      renderNode: nodes.render)
  }

  /// The functions that sit where an address does, by address: those of its device, or where a virtual
  /// function sits that one alone, as it is a device of its own (SR-IOV). None where nothing sits.
  public func functions(ofDeviceAt address: PCIAddress) -> [PCIFunction] {
    if let function = pciFunction(at: address), function.isVirtual { return [function] }
    return (0..<8).compactMap { number in
      PCIAddress(
        domain: address.domain, bus: address.bus, device: address.device, function: number
      ).flatMap(pciFunction)
    }.filter { !$0.isVirtual }
  }

  /// The IOMMU groups, by number: `/sys/kernel/iommu_groups`.
  ///
  /// - Throws: `HostDevicesError.system` when the folder may not be read.
  public func iommuGroups() throws(HostDevicesError) -> [IOMMUGroup] {
    let folder = "/sys/kernel/iommu_groups"
    return try sysfs.names(in: folder).compactMap { decimalNumber($0) }.sorted().map { number in
      IOMMUGroup(
        number: number, devices: sysfs.readableNames(in: "\(folder)/\(number)/devices"),
        type: sysfs.text("\(folder)/\(number)/type"))
    }
  }

  /// The virtual functions (SR-IOV) that a function's driver has made, by address.
  func virtualFunctions(of function: PCIFunction) -> [PCIFunction] {
    ((try? pciFunctions()) ?? []).filter { $0.physicalFunction == function.address }
  }

  func drmNodes(ofDevice path: String) -> DRMNodes {
    DRMNodes(names: sysfs.readableNames(in: "\(path)/drm"))
  }

  func iommuGroupNumber(ofDevice path: String) -> Int? {
    sysfs.linkedName("\(path)/iommu_group").flatMap { decimalNumber($0) }
  }
}
