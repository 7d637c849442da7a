// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import GuestSession
public import QEMU

/// What a user can say of the guest that is to be started.
struct GuestOptions: ParsableArguments {
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
  var firmware: GuestPlan.Firmware?

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
    guard GuestPlan.processorCounts.contains(cpus) else {
      throw ValidationError("--cpus \(cpus): give 1 to \(GuestPlan.processorCounts.upperBound)")
    }
    let hasVirtio = virtio ?? !windows
    if !hasVirtio, disk.count + (cdrom == nil ? 0 : 1) > GuestPlan.mostSATADisks {
      throw ValidationError(
        "--disk: SATA takes \(GuestPlan.mostSATADisks) disks, the CD among them; use --virtio")
    }
  }

  func add(to plan: inout GuestPlan) {
    plan.disks = disk
    plan.cdrom = cdrom
    plan.memory = memory.mebibytes
    plan.cpus = cpus
    plan.firmware = firmware
    plan.machine = machine
    plan.isWindows = windows
    plan.hasVirtio = virtio
    plan.hasBootScreen = bootScreen
    plan.hidesHypervisor = hideHypervisor
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
