// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A device's description of itself (VFIO_DEVICE_GET_INFO).
public struct DeviceInfo: Hashable, Sendable {
  /// The bus that the device pretends to be on, and what it can do.
  public struct Flags: OptionSet, Hashable, Sendable {
    /// The bits of `vfio_device_info.flags`.
    public let rawValue: UInt32

    /// Makes a set from its bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The device can be reset on its own (VFIO_DEVICE_RESET).
    public static let reset = Flags(rawValue: UInt32(VFIO_DEVICE_FLAGS_RESET))
    /// A PCI device: its regions and interrupts have the numbers of `PCIRegion`, `PCIInterrupt`.
    public static let pci = Flags(rawValue: UInt32(VFIO_DEVICE_FLAGS_PCI))
    /// A platform device (Arm).
    public static let platform = Flags(rawValue: UInt32(VFIO_DEVICE_FLAGS_PLATFORM))
    /// An AMBA device (Arm).
    public static let amba = Flags(rawValue: UInt32(VFIO_DEVICE_FLAGS_AMBA))
    /// A channel I/O device (s390).
    public static let ccw = Flags(rawValue: UInt32(VFIO_DEVICE_FLAGS_CCW))
    /// A crypto adapter (s390).
    public static let ap = Flags(rawValue: UInt32(VFIO_DEVICE_FLAGS_AP))
    /// A device on the Freescale management complex.
    public static let fslMC = Flags(rawValue: UInt32(VFIO_DEVICE_FLAGS_FSL_MC))
    /// A device on AMD's CDX bus.
    public static let cdx = Flags(rawValue: UInt32(vgpu_VFIO_DEVICE_FLAGS_CDX))
  }

  /// The widths of PCI Express AtomicOps that the way to the root completes.
  public struct AtomicOps: OptionSet, Hashable, Sendable {
    /// The bits of `vfio_device_info_cap_pci_atomic_comp.flags`.
    public let rawValue: UInt32

    /// Makes a set from its bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// 32 bits.
    public static let bits32 = AtomicOps(rawValue: 1 << 0)
    /// 64 bits.
    public static let bits64 = AtomicOps(rawValue: 1 << 1)
    /// 128 bits.
    public static let bits128 = AtomicOps(rawValue: 1 << 2)
  }

  /// The bus that the device pretends to be on, and what it can do.
  public let flags: Flags
  /// The number of regions; the first is 0.
  public let regionCount: UInt32
  /// The number of interrupt indexes; the first is 0.
  public let interruptCount: UInt32
  /// The AtomicOps that a PCI device may send (VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP, after Linux 6.1); `nil` when
  /// the driver does not tell.
  public let atomicOps: AtomicOps?

  /// - Parameter answer: the structure, and its capability chain.
  init(_ answer: [UInt8], object: String) throws(VFIOError) {
    let info = answer.structure(vfio_device_info.self)
    var atomicOps: AtomicOps?
    if info.flags & UInt32(VFIO_DEVICE_FLAGS_CAPS) != 0 {
      let chain = try CapabilityChain.parse(
        answer, first: info.cap_offset, after: MemoryLayout<vfio_device_info>.size, object: object)
      for capability in chain
      where Int(capability.id) == vgpu_VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP {
        atomicOps = capability.load(UInt32.self, at: 0).map { AtomicOps(rawValue: $0) }
      }
    }
    self.atomicOps = atomicOps
    flags = Flags(rawValue: info.flags)
    // No driver has more regions than this. The bound protects a caller that asks about each
    // region.
    regionCount = min(info.num_regions, 1024)
    interruptCount = min(info.num_irqs, 1024)
  }
}

/// The fixed region numbers of a PCI device.
public enum PCIRegion {
  /// A base address register, 0 to 5.
  public static func bar(_ index: UInt32) -> UInt32 { UInt32(VFIO_PCI_BAR0_REGION_INDEX) + index }
  /// The expansion ROM.
  public static let rom = UInt32(VFIO_PCI_ROM_REGION_INDEX)
  /// The configuration space.
  public static let config = UInt32(VFIO_PCI_CONFIG_REGION_INDEX)
  /// The legacy VGA ranges.
  public static let vga = UInt32(VFIO_PCI_VGA_REGION_INDEX)
}

/// The fixed interrupt numbers of a PCI device.
public enum PCIInterrupt {
  /// The INTx line.
  public static let intx = UInt32(VFIO_PCI_INTX_IRQ_INDEX)
  /// Message-signalled interrupts.
  public static let msi = UInt32(VFIO_PCI_MSI_IRQ_INDEX)
  /// Message-signalled interrupts, extended.
  public static let msix = UInt32(VFIO_PCI_MSIX_IRQ_INDEX)
  /// PCI Express errors.
  public static let error = UInt32(VFIO_PCI_ERR_IRQ_INDEX)
  /// The host asks for the device back.
  public static let request = UInt32(VFIO_PCI_REQ_IRQ_INDEX)
}
