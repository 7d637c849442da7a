// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import GuestSession
public import QEMU

/// The options of the guest itself.
struct GuestOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Name the guest and its files. (default: by the vGPU's UUID, the GPU's address, or the first disk's \
      file)
      """,
      valueName: "name"))
  var name: String?

  @Option(
    help: ArgumentHelp(
      """
      Add a disk: an image or a block device. Repeat for more disks. The format is qcow2 if the name \
      ends in .qcow2 or format=qcow2 follows, else raw. For a qcow2 image, name each backing image \
      with backing=, and an external data file with data-file=. With size=64G the disk is made when \
      the guest starts. Write a comma in a name twice.
      """,
      valueName: "file[,size=n][,format=name][,backing=file]"),
    completion: .file(),
    transform: NamedDisk.init(parsing:))
  var disk: [NamedDisk] = []

  @Option(
    help: ArgumentHelp(
      """
      Add a CD: an image, such as an installer, or an optical drive. Repeat for more CDs. The guest \
      starts from its disks first, and from a CD when they are empty.
      """,
      valueName: "file[,format=name]"),
    completion: .file(),
    transform: NamedDisk.init(parsing:))
  var cdrom: [NamedDisk] = []

  @Option(
    help: ArgumentHelp("Give the guest this much memory, such as 8G or 512M.", valueName: "size"))
  var memory = MemorySize(mebibytes: 4096)

  @Option(help: ArgumentHelp("Give the guest this number of processors.", valueName: "n"))
  var cpus = 2

  @Option(
    help: ArgumentHelp(
      """
      Choose the firmware. UEFI keeps its variables in a file beside the guest's log. \
      (default: bios; with gpu and --secure-boot: uefi)
      """,
      valueName: "firmware"))
  var firmware: GuestPlan.Firmware?

  @Flag(
    help: """
      Start only programs that are signed for Secure Boot, such as Windows. The firmware is UEFI with \
      Microsoft's keys.
      """)
  var secureBoot = false

  @Flag(
    help: """
      Give the guest a TPM 2.0, which the program swtpm emulates. The TPM keeps its state in a folder \
      beside the guest's log.
      """)
  var tpm = false

  @Option(
    help: ArgumentHelp(
      """
      Choose the mainboard. With igd, the GPU is the guest's first screen on pc, and a second GPU on \
      q35. \
      (default: q35; with igd: pc)
      """,
      valueName: "machine"))
  var machine: GuestConfiguration.Machine?

  @Flag(
    help: """
      Set the guest up for Windows: SATA and Intel network instead of virtio; Hyper-V features on; \
      clock in local time.
      """)
  var windows = false

  @Flag(
    inversion: .prefixedNo,
    help: """
      Use virtio (fastest) for disks and network; with --no-virtio, SATA and an Intel network card. \
      (default: virtio; with --windows no virtio, because Windows comes without virtio's drivers)
      """)
  var virtio: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: """
      Show firmware and boot loader until the guest's driver starts the vGPU. (default: with Intel's \
      vGPUs, because these have no VGA)
      """)
  var bootScreen: Bool?

  @Option(
    help: """
      Give the guest an audio device, and play its sound in the window. (default: on, if QEMU can hand the \
      sound out)
      """)
  var sound: Switch?

  @Flag(
    inversion: .prefixedNo,
    help: """
      Hide the hypervisor from the guest. Some graphics drivers refuse to work in a guest. (default: \
      with --profile gpu)
      """)
  var hideHypervisor: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: """
      Give the guest a port for qemu-guest-agent, which shuts down a guest that takes no notice of its \
      power button.
      """)
  var guestAgent = true

  func validate() throws {
    if let name {
      guard !name.isEmpty, name.first != ".", !name.contains(where: { $0 == "/" || $0.isNewline })
      else {
        throw ValidationError(
          """
          --name: it becomes part of file names; give a name without /, line breaks or a leading dot
          """)
      }
    }
    guard GuestPlan.processorCounts.contains(cpus) else {
      throw ValidationError("--cpus \(cpus): give 1 to \(GuestPlan.processorCounts.upperBound)")
    }
    let hasVirtio = virtio ?? !windows
    if cdrom.count + (hasVirtio ? 0 : disk.count) > GuestPlan.mostSATADisks {
      throw ValidationError(
        """
        --disk, --cdrom: SATA takes \(GuestPlan.mostSATADisks), the CDs among them; use --virtio for \
        the disks
        """)
    }
    guard !secureBoot || firmware != .bios else {
      throw ValidationError("--secure-boot: needs UEFI; leave out --firmware bios")
    }
  }

  func add(to plan: inout GuestPlan) {
    plan.name = name
    plan.disks = disk
    plan.cdroms = cdrom
    plan.memory = memory.mebibytes
    plan.cpus = cpus
    plan.firmware = firmware
    plan.hasSecureBoot = secureBoot
    plan.hasTPM = tpm
    plan.machine = machine
    plan.isWindows = windows
    plan.hasVirtio = virtio
    plan.hasBootScreen = bootScreen
    plan.hasSound = sound.map { $0 == .on }
    plan.hidesHypervisor = hideHypervisor
    plan.hasGuestAgent = guestAgent
  }
}

extension GuestPlan.Firmware: ExpressibleByArgument {}

extension GuestConfiguration.Machine: ExpressibleByArgument {}

/// A guest's memory, as a user writes it: `8G`, `512M`, or a number of MiB.
struct MemorySize: ExpressibleByArgument {
  let mebibytes: Int

  init(mebibytes: Int) { self.mebibytes = mebibytes }

  init?(argument: String) {
    let unit = argument.last.map { String($0).lowercased() } ?? ""
    let factor = unit == "g" ? 1024 : 1
    let digits = unit == "g" || unit == "m" ? String(argument.dropLast()) : argument
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits),
      (1...1 << 24).contains(number)
    else { return nil }
    mebibytes = number * factor
  }

  var defaultValueDescription: String {
    mebibytes % 1024 == 0 ? "\(mebibytes / 1024)G" : "\(mebibytes)M"
  }
}
