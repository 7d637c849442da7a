// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// A guest's configuration.
public struct GuestConfiguration: Hashable, Sendable {
  /// Which mainboard.
  public enum Machine: String, CaseIterable, Sendable {
    /// PCI Express, of 2009.
    case q35
    /// PCI, of 1996 (i440fx).
    case pc
  }

  /// What runs before the guest.
  @nonexhaustive
  public enum Firmware: Hashable, Sendable {
    /// SeaBIOS, which comes with QEMU.
    case bios
    /// UEFI in flash memory: its code, which is only read, and the guest's own store of variables.
    case uefi(code: DiskImage, variables: DiskImage)
  }

  /// What QEMU and libvirt call it.
  public var name: String
  /// Its screen that the host shows, if it has one.
  public var vGPU: MdevDevice?
  /// What it gets of the host's PCI devices, the graphics first.
  public var passedSlots: [PassedSlot] = []
  /// What it gets of the host's USB devices.
  public var usbDevices: [USBSelector] = []
  /// What it gets of the host's SCSI devices.
  public var scsiDevices: [SCSIDevice] = []
  /// What runs before it.
  public var firmware = Firmware.bios
  /// A screen for the firmware and the boot loader, beside the vGPU's own: QEMU's `ramfb`, whose
  /// pictures QMP's `screendump` has by the device's id, `bootScreenID`.
  public var hasBootScreen: Bool
  /// Disk images, in order.
  public var disks: [DiskImage] = []
  /// A CD image.
  public var cdrom: DiskImage?
  /// Memory in MiB.
  public var memory = 4096
  /// The huge pages that its memory is made of; `nil` for the host's ordinary pages.
  public var hugePages: HugePages?
  /// Virtual processors.
  public var cpus = 2
  /// The host's processors that these have to themselves.
  public var pinning: ProcessorPinning?
  /// Which mainboard.
  public var machine = Machine.q35
  /// How it is connected.
  public var network = GuestNetwork.user
  /// The guest is Windows: Hyper-V's interfaces, a clock in local time.
  public var isWindows: Bool
  /// Virtio disks and network, the fastest; else SATA and an Intel network card, for which Windows
  /// has drivers from the start.
  public var hasVirtio: Bool
  /// The guest is not told which hypervisor it runs on, because some graphics drivers refuse to work
  /// when they find one.
  public var hidesHypervisor = false
  /// KVM runs the guest; else it is emulated.
  public var hasKVM = true
  /// Where QMP is served: each socket to one client at a time.
  public var qmpSockets: [String] = []
  /// Further arguments, as QEMU takes them.
  public var extra: [String] = []

  /// The boot screen's device id.
  public static let bootScreenID = "ramfb0"

  /// A guest of 4 GiB and two processors with nothing but a screen. Windows gets no virtio; a vGPU
  /// of Intel's gets a boot screen, because it is no VGA card that a firmware could use.
  public init(vGPU: MdevDevice, isWindows: Bool = false) {
    self.init(name: "vgpu-\(vGPU.uuid)", isWindows: isWindows)
    self.vGPU = vGPU
    hasBootScreen = vGPU.isGVTg
  }

  /// The same without a screen.
  ///
  /// - Parameters:
  ///   - name: see the property.
  ///   - isWindows: see the property.
  public init(name: String, isWindows: Bool = false) {
    self.name = name
    self.isWindows = isWindows
    hasVirtio = !isWindows
    hasBootScreen = false
  }
}

extension MdevDevice {
  /// A slice of an Intel GPU.
  var isGVTg: Bool { type.hasPrefix("i915-GVTg") }
}

/// What kind of graphics a guest has.
@nonexhaustive
public enum GuestProfile: String, CaseIterable, Sendable {
  /// A slice of a GPU, an mdev such as Intel GVT-g's, which the host shows.
  case gvtG = "gvt-g"
  /// The host's whole Intel graphics (IGD).
  case igd
  /// A whole discrete GPU, on a monitor of its own.
  case gpu

  /// The mainboard that suits. QEMU's legacy mode for Intel's graphics, in which they are the
  /// guest's first screen, needs the old one; on `q35` they are a second GPU without a firmware's
  /// screen (universal pass-through).
  public var machine: GuestConfiguration.Machine { self == .igd ? .pc : .q35 }

  /// Whether UEFI is the firmware that suits: it needs no VGA registers, which two GPUs contend for.
  /// Intel's graphics want SeaBIOS, which sets up their stolen memory as OVMF does not.
  public var prefersUEFI: Bool { self == .gpu }
}
