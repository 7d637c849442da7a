// SPDX-License-Identifier: Apache-2.0

public import HostDevices
public import QEMU

/// A guest, described by a person or a manager before anything is made for it.
///
/// A property that is `nil` follows from the graphics, from the guest's system, or from the host.
/// `RunningGuest.start` starts the guest; `configuration(for:)` describes it for a host that need
/// not be this one.
public struct GuestPlan: Hashable, Sendable {
  /// A vGPU by its name, or one that is made for the guest.
  @nonexhaustive
  public enum VGPU: Hashable, Sendable {
    /// One that the host has.
    case existing(MdevUUID)
    /// One of this type, which is made when the guest starts, and removed after it has ended.
    case made(type: String)

    /// Reads a UUID; anything else is a type's name.
    public init(_ text: String) {
      self = MdevUUID(text).map { .existing($0) } ?? .made(type: text)
    }
  }

  /// What runs before the guest's system.
  @nonexhaustive
  public enum Firmware: String, CaseIterable, Sendable {
    /// SeaBIOS, which comes with QEMU.
    case bios
    /// The newest UEFI that is installed, with a store of variables of the guest's own.
    case uefi
  }

  /// What QEMU, libvirt and the guest's files are called. When it is `nil`, they bear the vGPU's
  /// UUID or the GPU's address.
  public var name: String?

  // MARK: Graphics

  /// What kind of graphics the guest has.
  public var profile: GuestProfile
  /// Its vGPU. A guest with a whole GPU can have one beside it.
  public var vGPU: VGPU?
  /// The whole GPU that it gets; with `.igd`, 0000:00:02.0 when it is `nil`.
  public var gpu: PCISelector?
  /// The GPU's ROM, for a GPU whose own ROM cannot be read.
  public var rom: String?
  /// Whether the guest gets VGA's registers with a graphics card.
  public var hasVGA: Bool?

  // MARK: The machine

  /// Its disks, in order.
  public var disks: [NamedDisk] = []
  /// Its CD.
  public var cdrom: NamedDisk?
  /// Its memory in MiB.
  public var memory = 4096
  /// Its processors: `processorCounts`.
  public var cpus = 2
  /// What runs before its system.
  public var firmware: Firmware?
  /// Its mainboard.
  public var machine: GuestConfiguration.Machine?
  /// Its system is Windows.
  public var isWindows = false
  /// Disks and network are virtio's; else SATA and an Intel card.
  public var hasVirtio: Bool?
  /// It has a simple screen until its driver starts the vGPU's.
  public var hasBootScreen: Bool?
  /// KVM runs it; `nil` for KVM when this user can use it. Without KVM the guest is emulated.
  public var hasKVM: Bool?
  /// It is not told its hypervisor.
  public var hidesHypervisor: Bool?

  // MARK: What it has of the host

  /// Further PCI functions.
  public var pci: [PCISelector] = []
  /// USB devices.
  public var usb: [USBSelector] = []
  /// The nodes of SCSI devices, `mostSCSIDevices` at most.
  public var scsi: [String] = []
  /// How it is connected.
  public var network = GuestNetwork.user
  /// Each of its processors has one of the host's to itself.
  public var isPinned = false
  /// The size of the pages that its memory is made of; `nil` for ordinary ones.
  public var hugePages: HugePages.Size?

  /// Further arguments, as QEMU takes them.
  public var extra: [String] = []

  /// A guest of 4 GiB and two processors with no disk.
  public init(profile: GuestProfile = .gvtG, vGPU: VGPU? = nil) {
    self.profile = profile
    self.vGPU = vGPU
  }

  /// How many processors a guest can have.
  public static let processorCounts = 1...512
  /// How many disks SATA takes, the CD among them.
  public static let mostSATADisks = 6
  /// How many SCSI devices a guest can have.
  public static let mostSCSIDevices = 8
}

/// PCI functions by a name: one, `01:00.0`, or all functions of a device, `01:00`.
public struct PCISelector: Hashable, Sendable {
  /// The function, or the first one of the device.
  public let address: PCIAddress
  /// All functions of the device are meant.
  public let isWholeDevice: Bool

  /// Names one function, or its whole device.
  public init(address: PCIAddress, isWholeDevice: Bool = false) {
    self.address = address
    self.isWholeDevice = isWholeDevice
  }
}

extension PCISelector: LosslessStringConvertible {
  /// Reads `0000:01:00.0`, `01:00.0` or `01:00`; `nil` for anything else.
  public init?(_ text: String) {
    if let address = PCIAddress(text) {
      self.init(address: address)
    } else if let address = PCIAddress("\(text).0") {
      self.init(address: address, isWholeDevice: true)
    } else {
      return nil
    }
  }

  /// As it is read.
  public var description: String {
    isWholeDevice ? String("\(address)".dropLast(2)) : "\(address)"
  }
}
