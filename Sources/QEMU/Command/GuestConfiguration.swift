// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// A guest's configuration.
public struct GuestConfiguration: Hashable, Sendable {
  /// Which mainboard.
  public enum Machine: String, CaseIterable, Sendable {
    /// PCI Express, from 2009.
    case q35
    /// PCI, from 1996 (i440fx).
    case pc
  }

  /// The firmware that starts the guest.
  @nonexhaustive
  public enum Firmware: Hashable, Sendable {
    /// SeaBIOS, which comes with QEMU.
    case bios
    /// UEFI in flash memory: read-only code, and the guest's own store of variables.
    case uefi(code: DiskImage, variables: DiskImage)
  }

  /// A display of QEMU's: a way for a program of the host to see the screens that QEMU itself
  /// draws, and to send input.
  @nonexhaustive
  public enum Display: Hashable, Sendable {
    /// No display (`-display none`).
    case none
    /// D-Bus, for a client that attaches over QMP (`-display dbus,p2p=yes`). With GL, QEMU opens
    /// the first render node of the host that it may open, or `renderNode`, and the guest's virtio
    /// GPU can draw there.
    case dbus(hasGL: Bool)
  }

  /// The guest's name in QEMU and libvirt.
  public var name: String
  /// The vGPU, whose screen the host shows; `nil` for none.
  public var vGPU: MdevDevice?
  /// Whether the guest has a virtio GPU (`virtio-vga`), whose screen QEMU's display shows. It has
  /// OpenGL when the display has it (`virtio-vga-gl`).
  public var hasVirtioGPU = false
  /// QEMU's display, for the virtio GPU's screen and for the boot screen.
  public var display = Display.none
  /// The render node on which QEMU draws when the display has GL, such as `/dev/dri/renderD129`; `nil` for
  /// the first that QEMU may open.
  public var renderNode: String?
  /// Whether the guest has an HD Audio device, whose sound the display hands out. It needs the display.
  public var hasSound = false
  /// The host's PCI devices that the guest gets, graphics first.
  public var passedSlots: [PassedSlot] = []
  /// The host's USB devices that the guest gets.
  public var usbDevices: [USBSelector] = []
  /// The host's SCSI devices that the guest gets.
  public var scsiDevices: [SCSIDevice] = []
  /// The guest's firmware.
  public var firmware = Firmware.bios
  /// Whether the firmware starts signed programs only (Secure Boot). Its code then runs in system
  /// management mode, and nothing else of the guest's can write to the store of variables. It needs
  /// UEFI and `q35`.
  public var hasSecureBoot = false
  /// The guest's TPM 2.0; `nil` for none.
  public var tpm: EmulatedTPM?
  /// Whether the guest has a second screen beside the vGPU's, for the firmware and the boot loader:
  /// QEMU's `ramfb`. QMP's `screendump` can write its picture with the device id `bootScreenID`.
  public var hasBootScreen: Bool
  /// Disk images, in order.
  public var disks: [DiskImage] = []
  /// CD images, in order. When there are any, the firmware tries the disks, then the CDs, and then
  /// the SCSI devices.
  public var cdroms: [DiskImage] = []
  /// The first CD image; a new value takes the place of all CDs.
  public var cdrom: DiskImage? {
    get { cdroms.first }
    set { cdroms = newValue.map { [$0] } ?? [] }
  }
  /// Memory in MiB.
  public var memory = 4096
  /// The huge pages for the guest's memory; `nil` for the host's ordinary pages.
  public var hugePages: HugePages?
  /// The number of virtual processors.
  public var cpus = 2
  /// The host processor for each virtual processor; `nil` for no binding.
  public var pinning: ProcessorPinning?
  /// Which mainboard.
  public var machine = Machine.q35
  /// The guest's network.
  public var network = GuestNetwork.user
  /// Whether the guest is Windows. It then gets Hyper-V's interfaces, and a clock in local time.
  public var isWindows: Bool
  /// Whether the guest has virtio disks and network, which are the fastest. Otherwise it has SATA
  /// and an Intel network card, because Windows already has drivers for them.
  public var hasVirtio: Bool
  /// Whether the hypervisor is hidden from the guest, because some graphics drivers refuse to work
  /// when they find one.
  public var hidesHypervisor = false
  /// Whether KVM runs the guest. Otherwise QEMU emulates it.
  public var hasKVM = true
  /// The folders of the host's that the guest has.
  public var shares: [FolderShare] = []
  /// Whether the guest has a port for an agent of its own (qemu-guest-agent), which can shut the
  /// guest's system down.
  public var hasGuestAgent = false
  /// The path of the socket that leads to the port of the guest's agent; `nil` when a manager
  /// chooses one.
  public var guestAgentSocket: String?
  /// The paths of the QMP sockets. Each socket serves one client at a time.
  public var qmpSockets: [String] = []
  /// Whether the guest has the port of SPICE's guest agent (`com.redhat.spice.0`), for clipboards and
  /// files. No SPICE is needed for it.
  public var hasAgentPort = false
  /// The path of the Unix socket that leads to the agent's port, for one client at a time. With `nil` the
  /// manager that starts the guest chooses one, as libvirt does.
  public var agentSocket: String?
  /// More QEMU arguments, unchanged.
  public var extra: [String] = []

  /// The boot screen's device id.
  public static let bootScreenID = "ramfb0"
  /// The audio device's backend in QEMU.
  static let soundID = "sound0"

  /// How often QEMU moves sound on, in microseconds. Its usual 10 ms are as long as its buffer for D-Bus: what
  /// passes between two rounds is lost, and the guest plays 0.4 % to 2 % too slowly.
  static let soundPeriod = 5000

  /// The agent's port, by the name that agents look for.
  public static let agentPortName = "com.redhat.spice.0"

  /// Makes a guest of 4 GiB and two processors with only a screen. Windows gets no virtio. An Intel
  /// vGPU gets a boot screen, because the vGPU is no VGA card that a firmware can use.
  public init(vGPU: MdevDevice, isWindows: Bool = false) {
    self.init(name: "vgpu-\(vGPU.uuid)", isWindows: isWindows)
    self.vGPU = vGPU
    hasBootScreen = vGPU.isGVTg
  }

  /// Whether a program of the host can show a screen of the guest: the vGPU's, or the virtio GPU's.
  /// A guest with only a whole GPU has the GPU's own monitor.
  public var isShownByHost: Bool { vGPU != nil || hasVirtioGPU }

  /// Makes the same guest without a screen.
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
  /// Whether the vGPU is a part of an Intel GPU (GVT-g).
  var isGVTg: Bool { type.hasPrefix("i915-GVTg") }
}

/// The kind of graphics of a guest.
@nonexhaustive
public enum GuestProfile: String, CaseIterable, Sendable {
  /// QEMU's own virtio GPU, for which the host needs no GPU. The host shows its screen.
  case virtio
  /// A part of a GPU: an mdev, such as Intel GVT-g's. The host shows its screen.
  case gvtG = "gvt-g"
  /// The host's whole Intel graphics (IGD).
  case igd
  /// A whole discrete GPU with its own monitor.
  case gpu

  /// The right mainboard. QEMU's legacy mode for Intel's graphics needs the old one; in legacy mode
  /// the graphics are the guest's first screen. On `q35` they are a second GPU without a screen for
  /// the firmware (universal pass-through).
  public var machine: GuestConfiguration.Machine { self == .igd ? .pc : .q35 }

  /// Whether UEFI is the right firmware. UEFI needs no VGA registers, for which two GPUs compete.
  /// Intel's graphics need SeaBIOS, because SeaBIOS sets up their stolen memory and OVMF does not.
  public var prefersUEFI: Bool { self == .gpu }
}
