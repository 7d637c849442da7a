// SPDX-License-Identifier: Apache-2.0

/// A vGPU of this host, of any kind.
@nonexhaustive
public enum VGPUDevice: Hashable, Sendable {
  /// A mediated device.
  case mdev(MdevDevice)
  /// A PCI function.
  case pci(PCIVGPU)

  /// Its name on its bus.
  public var name: AssignedDevice {
    switch self {
    case .mdev(let device): .mdev(device.uuid)
    case .pci(let device): .pci(device.address)
    }
  }

  /// What it is made of.
  public var kind: VGPUKind {
    switch self {
    case .mdev: .mdev
    case .pci(let device): device.kind
    }
  }

  /// Its type, or else its driver, for people.
  public var label: String {
    switch self {
    case .mdev(let device): device.type
    case .pci(let device): device.label
    }
  }

  /// Its IOMMU group's number; `nil` when it has none.
  public var iommuGroup: Int? {
    switch self {
    case .mdev(let device): device.iommuGroup
    case .pci(let device): device.function.iommuGroup
    }
  }

  /// Its own node, such as `/dev/vfio/devices/vfio0`; `nil` when it has none.
  public var deviceNode: String? {
    switch self {
    case .mdev(let device): device.deviceNode
    case .pci(let device): device.deviceNode
    }
  }

  /// The node of its IOMMU group, such as `/dev/vfio/0`; `nil` when there is no such node.
  public var groupNode: String? {
    switch self {
    case .mdev(let device): device.groupNode
    case .pci(let device): device.groupNode
    }
  }

  /// The render node of the GPU that it is a part of; `nil` when that has none.
  public var renderNode: String? {
    switch self {
    case .mdev(let device): device.renderNode
    case .pci(let device): device.renderNode
    }
  }
}

extension HostHardware {
  /// A vGPU by its name on its bus; `nil` when there is none.
  public func vGPUDevice(_ name: AssignedDevice) -> VGPUDevice? {
    switch name {
    case .mdev(let uuid): device(uuid).map { .mdev($0) }
    case .pci(let address): pciVGPU(at: address).map { .pci($0) }
    }
  }

  /// All vGPUs of this host: mdevs by UUID, then PCI functions by address.
  ///
  /// - Throws: `HostDevicesError.system` when a folder may not be read.
  public func vGPUDevices() throws(HostDevicesError) -> [VGPUDevice] {
    try devices().map { .mdev($0) } + pciVGPUs().map { .pci($0) }
  }

  /// The processes that have a device's node or its group's node open; see `users(of:)` of an mdev. The
  /// users of a group may use another device of the group.
  public func users(of name: AssignedDevice) -> [Int32] {
    switch name {
    case .mdev(let uuid): users(of: uuid)
    case .pci(let address): users(of: address)
    }
  }

  /// The processes that have the node of a PCI function or of its group open, by pid, as far as this
  /// process may look.
  public func users(of address: PCIAddress) -> [Int32] {
    guard let function = pciFunction(at: address) else { return [] }
    let node = announcedDeviceNode(ofDevice: "/sys/bus/pci/devices/\(address)")
    return processes(
      holding: [function.iommuGroup.map { "/dev/vfio/\($0)" }, node].compactMap { $0 }
        .compactMap(existing))
  }

  /// Whether somebody uses a device's group, even when `users` does not see the user; see `isBusy(_:)`
  /// of an mdev.
  public func isBusy(_ name: AssignedDevice) -> Bool {
    switch name {
    case .mdev(let uuid): isBusy(uuid)
    case .pci(let address):
      pciFunction(at: address)?.iommuGroup.map { isBusy(groupNode: "/dev/vfio/\($0)") } ?? false
    }
  }

  /// Whether a device exists and is not being taken away. The kernel takes an mdev off its bus, and a
  /// function's link `driver` away, before it waits for those who have the device open.
  public func exists(_ name: AssignedDevice) -> Bool {
    switch name {
    case .mdev(let uuid): exists(uuid)
    case .pci(let address): sysfs.exists("/sys/bus/pci/devices/\(address)/driver")
    }
  }
}
