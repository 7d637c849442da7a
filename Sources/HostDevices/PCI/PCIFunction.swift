// SPDX-License-Identifier: Apache-2.0

import SafeText

/// A PCI function of the host: `/sys/bus/pci/devices/<address>`.
///
/// JSON keys are the properties' names, but `pciAddress` for the address and `vendorID`, `deviceID`,
/// `subsystemVendorID` and `subsystemDeviceID` for the numbers; what is `nil` is null.
public struct PCIFunction: Hashable, Codable, Sendable {
  /// Its address, the folder's name.
  public let address: PCIAddress
  /// Its maker: file `vendor`.
  public let vendor: PCIID
  /// Its number among the vendor's devices: file `device`.
  public let device: PCIID
  /// The board's maker: file `subsystem_vendor`.
  public let subsystemVendor: PCIID?
  /// The board's number among its maker's boards: file `subsystem_device`.
  public let subsystemDevice: PCIID?
  /// Its class: file `class`.
  public let classCode: PCIClass
  /// The driver that it is bound to, the name that link `driver` ends in; `nil` when unbound.
  public let driver: String?
  /// The physical function of a virtual function (SR-IOV), from link `physfn`; `nil` for every
  /// other function. A virtual function is a device of its own, even when it shares a device number
  /// with others. It often has the ids of its physical function.
  public let physicalFunction: PCIAddress?
  /// The VFIO device that its driver has made of it, such as `vfio0`, from folder `vfio-dev` (Linux
  /// 6.1); `nil` when the driver is the host's.
  public let vfioDevice: String?
  /// Its IOMMU group's number, from link `iommu_group`; `nil` when the host has no IOMMU in use.
  public let iommuGroup: Int?
  /// Whether the firmware started the machine on it: file `boot_vga`, which only GPUs have.
  public let isBootVGA: Bool
  /// The card node of its GPU driver, such as `/dev/dri/card0`, from folder `drm`.
  public let cardNode: String?
  /// The render node of its GPU driver, such as `/dev/dri/renderD128`, from folder `drm`.
  public let renderNode: String?

  private enum CodingKeys: String, CodingKey {
    case address = "pciAddress"
    case vendor = "vendorID"
    case device = "deviceID"
    case subsystemVendor = "subsystemVendorID"
    case subsystemDevice = "subsystemDeviceID"
    case classCode, driver, physicalFunction, vfioDevice, iommuGroup, isBootVGA, cardNode,
      renderNode
  }

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(address, forKey: .address)
    try values.encode(vendor, forKey: .vendor)
    try values.encode(device, forKey: .device)
    try values.encode(subsystemVendor, forKey: .subsystemVendor)
    try values.encode(subsystemDevice, forKey: .subsystemDevice)
    try values.encode(classCode, forKey: .classCode)
    try values.encode(driver, forKey: .driver)
    try values.encode(physicalFunction, forKey: .physicalFunction)
    try values.encode(vfioDevice, forKey: .vfioDevice)
    try values.encode(iommuGroup, forKey: .iommuGroup)
    try values.encode(isBootVGA, forKey: .isBootVGA)
    try values.encode(cardNode, forKey: .cardNode)
    try values.encode(renderNode, forKey: .renderNode)
  }
}

extension PCIFunction {
  /// Whether it is a virtual function (SR-IOV).
  public var isVirtual: Bool { physicalFunction != nil }

  /// Whether its driver hands it to guests. Then the kernel shows it as a VFIO device, NVIDIA's
  /// virtual GPUs too; before Linux 6.1 the driver's name tells.
  public var isForGuests: Bool {
    vfioDevice != nil || driver.map(PCIDriver.isForGuests) ?? false
  }

  /// Whether both are functions of one device, and neither is a virtual function.
  private func isBeside(_ other: PCIFunction) -> Bool {
    address != other.address && address.isOnSameDevice(as: other.address)
      && !isVirtual && !other.isVirtual
  }

  /// Whether it is another function of the same device and IOMMU group, so that no guest can have
  /// one without the other.
  ///
  /// Functions with groups of their own are devices of their own: an AMD processor's graphics share
  /// a device number with the host's USB controllers. Virtual functions are devices of their own in
  /// any group.
  public func goes(with other: PCIFunction) -> Bool {
    isBeside(other) && iommuGroup != nil && iommuGroup == other.iommuGroup
  }

  /// Whether it is a part of the card that carries `gpu`: another function of the GPU's device and
  /// group, or the card's audio, USB or UCSI function in a group of its own, with the same maker as
  /// the GPU.
  public func isPart(ofCard gpu: PCIFunction) -> Bool {
    goes(with: gpu) || isBeside(gpu) && vendor == gpu.vendor
  }
}

/// A PCI driver's properties, known from its name.
package enum PCIDriver {
  static func path(_ name: String) -> String { "/sys/bus/pci/drivers/\(name)" }

  /// Whether it can be a driver's name, which becomes part of a path.
  static func isName(_ name: String) -> Bool {
    Sysfs.isName(name) && name.utf8.count <= 64 && !name.contains { $0 == "/" || $0 == " " }
      && !name.allSatisfy { $0 == "." }
  }

  /// Whether it hands devices to guests: vfio-pci and its relatives, such as nvgrace-gpu-vfio-pci.
  package static func isForGuests(_ name: String) -> Bool {
    name.hasSuffix("vfio-pci") || name.hasSuffix("vfio_pci")
  }
}

extension PCIFunction {
  /// Whether it must keep its driver. Such a driver hands the function to guests and is not related
  /// to vfio-pci: NVIDIA's driver makes virtual GPUs out of virtual functions, and another driver
  /// would end them.
  public var mustKeepDriver: Bool { isForGuests && !(driver.map(PCIDriver.isForGuests) ?? false) }

  /// Whether its driver keeps the kernel from giving its IOMMU group to a guest. Every driver does,
  /// except those that leave the group's memory alone (`driver_managed_dma`: VFIO's, pci-stub, a
  /// bridge's).
  public var keepsGroupFromGuests: Bool {
    guard let driver else { return false }
    return !isForGuests && driver != "pci-stub" && !classCode.isPCIBridge
  }
}

/// The nodes in `/dev/dri` of one GPU, from the folder `drm` of its device.
struct DRMNodes {
  let card: String?
  let render: String?

  /// Reads the names of a `drm` folder, which holds connectors and control nodes as well.
  init(names: [String]) {
    card = Self.first("card", in: names)
    render = Self.first("renderD", in: names)
  }

  private static func first(_ kind: String, in names: [String]) -> String? {
    names.filter { $0.hasPrefix(kind) }.compactMap { decimalNumber($0.dropFirst(kind.count)) }.min()
      .map { "/dev/dri/\(kind)\($0)" }
  }
}

/// Devices that the IOMMU cannot tell apart: `/sys/kernel/iommu_groups/<number>`.
///
/// JSON keys: `iommuGroup` for the number, `devices`, and `iommuDomainType` for the type, which is null
/// when it is `nil`.
public struct IOMMUGroup: Hashable, Codable, Sendable {
  /// The group's number, also in its node's name, `/dev/vfio/<number>`.
  public let number: Int
  /// The names of its devices in folder `devices`: PCI addresses, or an mdev's UUID.
  public let devices: [String]
  /// How the host translates their DMA: file `type`, such as `DMA-FQ` or `identity`.
  public let type: String?

  private enum CodingKeys: String, CodingKey {
    case number = "iommuGroup"
    case devices
    case type = "iommuDomainType"
  }

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(number, forKey: .number)
    try values.encode(devices, forKey: .devices)
    try values.encode(type, forKey: .type)
  }
}

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

  /// The functions of the device at an address, by address. A virtual function (SR-IOV) is a device
  /// of its own, and so the only one in its list. The list is empty when no function has the
  /// address.
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
