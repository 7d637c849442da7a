// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import HostDevices
import LinuxSystem
public import QEMU

/// What a user can say of the guest that is to be started.
struct GuestOptions: ParsableArguments {
  enum Firmware: String, CaseIterable, ExpressibleByArgument {
    case bios, uefi
  }

  @Option(
    help: ArgumentHelp(
      """
      A disk image or block device; several in turn. It is raw unless its name ends in .qcow2, or \
      format=qcow2 follows. Name the image that a qcow2 image lies on with backing=, down to the \
      last one, and a file for its data with data-file=. Double a comma in a file's name.
      """,
      valueName: "file[,format=name][,backing=file]"),
    transform: NamedDisk.init(parsing:))
  var disk: [NamedDisk] = []

  @Option(
    help: ArgumentHelp(
      "A CD image, such as an installer's, or an optical drive.",
      valueName: "file[,format=name]"),
    transform: NamedDisk.init(parsing:))
  var cdrom: NamedDisk?

  @Option(help: ArgumentHelp("Memory, such as 8G or 512M.", valueName: "size"))
  var memory = MemorySize(mebibytes: 4096)

  @Option(help: ArgumentHelp("Virtual processors.", valueName: "n"))
  var cpus = 2

  @Option(
    help: ArgumentHelp(
      """
      What starts the guest's system. UEFI keeps its variables in a file beside the guest's log. \
      (default: bios; with gpu uefi)
      """,
      valueName: "firmware"))
  var firmware: Firmware?

  @Option(
    help: ArgumentHelp(
      """
      Which mainboard. With igd, pc makes it the guest's first screen and q35 a second GPU. \
      (default: q35; with igd pc)
      """,
      valueName: "machine"))
  var machine: GuestConfiguration.Machine?

  @Flag(
    help: """
      The guest is Windows: no virtio, Hyper-V's interfaces, a clock in local time.
      """)
  var windows = false

  @Flag(
    inversion: .prefixedNo,
    help: """
      Virtio disks and network, the fastest; else SATA and an Intel card. (default: virtio, but not \
      for Windows, where its drivers have to be installed first)
      """)
  var virtio: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: """
      A simple screen for firmware and boot loader, until the guest's driver starts the vGPU's. \
      (default: with Intel's vGPUs, which have no VGA)
      """)
  var bootScreen: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: """
      Do not tell the guest its hypervisor: some graphics drivers refuse to work in one. (default: \
      with gpu)
      """)
  var hideHypervisor: Bool?

  func validate() throws {
    guard (1...512).contains(cpus) else { throw ValidationError("--cpus \(cpus): 1 to 512") }
    let hasVirtio = virtio ?? !windows
    if !hasVirtio, disk.count + (cdrom == nil ? 0 : 1) > 6 {
      throw ValidationError("--disk: SATA takes 6 disks, the CD among them; use --virtio")
    }
  }

  /// What of the host's files the guest is made of, read before anything is made for it.
  struct Files {
    let disks: [DiskImage]
    let cdrom: DiskImage?
    let uefi: UEFIImages?
  }

  func files(for program: QEMUProgram, _ profile: GuestProfile) throws -> Files {
    let hasUEFI = firmware.map { $0 == .uefi } ?? profile.prefersUEFI
    let machine = machine ?? profile.machine
    return Files(
      disks: try disk.map { try $0.image() },
      cdrom: try cdrom.map { try $0.image() },
      uefi: hasUEFI ? try UEFIImages.find(machine: try program.fullName(of: machine)) : nil)
  }

  /// Adds what was said to a guest.
  func describe(
    _ configuration: inout GuestConfiguration, _ files: Files, _ profile: GuestProfile
  ) {
    configuration.disks = files.disks
    configuration.cdrom = files.cdrom
    configuration.memory = memory.mebibytes
    configuration.cpus = cpus
    configuration.machine = machine ?? profile.machine
    configuration.hidesHypervisor = hideHypervisor ?? (profile == .gpu)
    if let virtio { configuration.hasVirtio = virtio }
    if let bootScreen { configuration.hasBootScreen = bootScreen }
  }

  /// The guest's own store of UEFI variables, which is made when there is none.
  ///
  /// - Parameter identity: what the guest is known by where it has no disk.
  func store(of identity: String, from template: DiskImage) throws -> DiskImage {
    let guest = disk.first.map { FileTree.realPath(of: $0.path) ?? $0.path } ?? identity
    return try VariableStore.make(of: guest, in: try UserFolder.state(), from: template)
  }
}

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
