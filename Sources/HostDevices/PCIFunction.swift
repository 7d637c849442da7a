// SPDX-License-Identifier: Apache-2.0

/// A PCI function of the host: `/sys/bus/pci/devices/<address>`.
///
/// JSON keys are the properties' names; what is `nil` is left out.
public struct PCIFunction: Hashable, Codable, Sendable {
  /// Its address, the folder's name.
  public let address: PCIAddress
  /// Who made it: file `vendor`.
  public let vendor: PCIID
  /// Which of the vendor's devices it is: file `device`.
  public let device: PCIID
  /// Who made the board: file `subsystem_vendor`.
  public let subsystemVendor: PCIID?
  /// Which of the board maker's boards it is: file `subsystem_device`.
  public let subsystemDevice: PCIID?
  /// What it is: file `class`.
  public let classCode: PCIClass
  /// The driver that it is bound to, the name that link `driver` ends in; `nil` when unbound.
  public let driver: String?
  /// The function that it is a virtual function of (SR-IOV), from link `physfn`; `nil` for every other.
  /// Such a function is a device of its own, whatever number it shares with others, and often has
  /// the ids of its physical one.
  public let physicalFunction: PCIAddress?
  /// The VFIO device that its driver has made of it, such as `vfio0`, from folder `vfio-dev` (Linux 6.1);
  /// `nil` where the driver is the host's.
  public let vfioDevice: String?
  /// Its IOMMU group's number, from link `iommu_group`; `nil` when the host has no IOMMU in use.
  public let iommuGroup: Int?
  /// Whether the firmware started the machine on it: file `boot_vga`, which only GPUs have.
  public let isBootVGA: Bool
  /// The card node of its GPU driver, such as `/dev/dri/card0`, from folder `drm`.
  public let cardNode: String?
  /// The render node of its GPU driver, such as `/dev/dri/renderD128`, from folder `drm`.
  public let renderNode: String?
}

extension PCIFunction {
  /// Whether it is a virtual function (SR-IOV).
  public var isVirtual: Bool { physicalFunction != nil }

  /// Whether its driver hands it to guests: the kernel shows it as a VFIO device, as it does NVIDIA's
  /// virtual GPUs, or before Linux 6.1 the driver has a name of VFIO's.
  public var isForGuests: Bool {
    vfioDevice != nil || driver.map(PCIDriver.isForGuests) ?? false
  }

  /// Whether both are functions of one device that is no set of virtual ones.
  private func isBeside(_ other: PCIFunction) -> Bool {
    address != other.address && address.isOnSameDevice(as: other.address)
      && !isVirtual && !other.isVirtual
  }

  /// Whether it is another function of the same device and IOMMU group, so that no guest can have
  /// one without the other.
  ///
  /// Functions with groups of their own are devices of their own: an AMD processor's graphics share
  /// a device number with the host's USB controllers. So are virtual functions, in whatever group.
  public func goes(with other: PCIFunction) -> Bool {
    isBeside(other) && iommuGroup != nil && iommuGroup == other.iommuGroup
  }

  /// Whether it is a part of the card that another function, its GPU, is on: one that goes with it,
  /// or its audio, USB or UCSI function in a group of its own, which have the same maker as the GPU.
  public func isPart(ofCard gpu: PCIFunction) -> Bool {
    goes(with: gpu) || isBeside(gpu) && vendor == gpu.vendor
  }
}
