// SPDX-License-Identifier: Apache-2.0

public import HostDevices
public import QEMU

/// A guest, described by a person or a manager before anything is made for it.
///
/// A property that is `nil` follows from the graphics, from the guest's system, or from the host.
/// `RunningGuest.start` starts the guest; `configuration(for:)` describes it for a host that need
/// not be this one.
public struct GuestPlan: Hashable, Sendable {
  /// An existing vGPU, or one that is made for the guest.
  @nonexhaustive
  public enum VGPU: Hashable, Sendable {
    /// A vGPU that the host has.
    case existing(MdevUUID)
    /// A vGPU of this type, which is made when the guest starts and removed after the guest has
    /// ended.
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

  /// The name of the guest for QEMU and libvirt, and in the names of its files. With `nil`, the
  /// vGPU's UUID or the GPU's address is used; a guest with a virtio GPU is named after its first
  /// disk, or gets a random name when it has none.
  public var name: String?

  // MARK: Graphics

  /// What kind of graphics the guest has; `nil` means a vGPU when there is one, and else a virtio
  /// GPU, which needs nothing of the host.
  public var profile: GuestProfile?
  /// Its vGPU. A guest with a whole GPU can also have a vGPU, and a guest with a virtio GPU cannot.
  public var vGPU: VGPU?
  /// The whole GPU that it gets; `nil` means 0000:00:02.0 with `.igd`.
  public var gpu: PCISelector?
  /// The GPU's ROM, for a GPU whose own ROM cannot be read.
  public var rom: String?
  /// Whether a guest with a graphics card gets VGA's registers.
  public var hasVGA: Bool?
  /// Whether the host's GPU draws for a guest with a virtio GPU (OpenGL). With `nil` it does when
  /// QEMU can, this user may open a render node, and the trial of its driver (`OpenGLTrial`) succeeds, if there
  /// is one; never for Windows, which has no driver for it.
  public var hasGL: Bool?

  /// Whether the guest has sound, which its window plays. With `nil` it has when QEMU can hand it out, and
  /// when a program of the host shows the guest.
  public var hasSound: Bool?

  // MARK: The machine

  /// Its disks, in order.
  public var disks: [NamedDisk] = []
  /// Its CDs, in order, such as an installer and the drivers that it needs. The guest starts from
  /// its disks first, and from a CD when they are empty.
  public var cdroms: [NamedDisk] = []
  /// Its first CD; a new value takes the place of all CDs.
  public var cdrom: NamedDisk? {
    get { cdroms.first }
    set { cdroms = newValue.map { [$0] } ?? [] }
  }
  /// Its memory in MiB.
  public var memory = 4096
  /// The number of its processors, within `processorCounts`.
  public var cpus = 2
  /// What runs before its system.
  public var firmware: Firmware?
  /// Whether it has UEFI with Secure Boot: the firmware starts only programs that Microsoft has
  /// signed, such as Windows and most installers of Linux. It needs q35.
  public var hasSecureBoot = false
  /// Whether it has a TPM 2.0, which swtpm emulates. The TPM keeps its state from one start to the
  /// next.
  public var hasTPM = false
  /// Its mainboard.
  public var machine: GuestConfiguration.Machine?
  /// Whether its system is Windows.
  public var isWindows = false
  /// Whether its disks and network are virtio's; otherwise they are SATA and an Intel card.
  public var hasVirtio: Bool?
  /// Whether it has a simple screen until its driver starts the vGPU's screen.
  public var hasBootScreen: Bool?
  /// Whether KVM runs it; `nil` uses KVM when this user can. Without KVM the guest is emulated.
  public var hasKVM: Bool?
  /// Whether its hypervisor is hidden from it.
  public var hidesHypervisor: Bool?

  /// Whether it has a port for qemu-guest-agent, which shuts its system down when that takes no
  /// notice of the power button.
  public var hasGuestAgent = true

  // MARK: What it has of the host

  /// Further PCI functions.
  public var pci: [PCISelector] = []
  /// USB devices.
  public var usb: [USBSelector] = []
  /// The nodes of SCSI devices, `mostSCSIDevices` at most.
  public var scsi: [String] = []
  /// Its network.
  public var network = GuestNetwork.user
  /// Whether each of its processors has one of the host's processors to itself.
  public var isPinned = false
  /// The size of its memory's pages; `nil` for ordinary pages.
  public var hugePages: HugePages.Size?

  /// Folders of the host's, `FolderShare.most` at most.
  public var shares: [SharedFolder] = []

  /// Further arguments for QEMU, unchanged.
  public var extra: [String] = []

  /// A guest of 4 GiB and two processors with no disk.
  public init(profile: GuestProfile? = nil, vGPU: VGPU? = nil) {
    self.profile = profile
    self.vGPU = vGPU
  }

  /// How many processors a guest can have.
  public static let processorCounts = 1...512
  /// The largest number of disks on SATA, including the CDs.
  public static let mostSATADisks = 6
  /// The largest number of SCSI devices.
  public static let mostSCSIDevices = 8
}

/// PCI functions by a name: one, `01:00.0`, or all functions of a device, `01:00`.
public struct PCISelector: Hashable, Sendable {
  /// The function, or the first one of the device.
  public let address: PCIAddress
  /// Whether all functions of the device are meant.
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

  /// The text form, which `init` reads.
  public var description: String {
    isWholeDevice ? String("\(address)".dropLast(2)) : "\(address)"
  }
}
