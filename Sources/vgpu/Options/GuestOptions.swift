// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import GuestSession
public import QEMU

/// The options of the guest itself.
struct GuestOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Add a disk: an image or a block device; repeatable. The format is qcow2 when the name ends in \
      .qcow2 or format=qcow2 follows, else raw. Name every backing image of a qcow2 image with \
      backing=, and its external data file with data-file=. Write a comma in a name twice.
      """,
      valueName: "file[,format=name][,backing=file]"),
    transform: NamedDisk.init(parsing:))
  var disk: [NamedDisk] = []

  @Option(
    help: ArgumentHelp(
      "Add a CD image, such as an installer, or an optical drive.",
      valueName: "file[,format=name]"),
    transform: NamedDisk.init(parsing:))
  var cdrom: NamedDisk?

  @Option(
    help: ArgumentHelp("Give the guest so much memory, such as 8G or 512M.", valueName: "size"))
  var memory = MemorySize(mebibytes: 4096)

  @Option(help: ArgumentHelp("Give the guest n processors.", valueName: "n"))
  var cpus = 2

  @Option(
    help: ArgumentHelp(
      """
      Choose the firmware. UEFI keeps its variables in a file beside the guest's log. \
      (default: bios; with gpu: uefi)
      """,
      valueName: "firmware"))
  var firmware: GuestPlan.Firmware?

  @Option(
    help: ArgumentHelp(
      """
      Choose the mainboard. With igd, pc makes the GPU the guest's first screen, q35 a second GPU. \
      (default: q35; with igd: pc)
      """,
      valueName: "machine"))
  var machine: GuestConfiguration.Machine?

  @Flag(
    help: """
      Set the guest up for Windows: no virtio, Hyper-V's interfaces, clock in local time.
      """)
  var windows = false

  @Flag(
    inversion: .prefixedNo,
    help: """
      Use virtio for disks and network (fastest); with --no-virtio, SATA and an Intel network card. \
      (default: virtio; with --windows not, because Windows needs virtio's drivers installed first)
      """)
  var virtio: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: """
      Show firmware and boot loader on a simple screen until the guest's driver starts the vGPU. \
      (default: with Intel's vGPUs, which have no VGA)
      """)
  var bootScreen: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: """
      Hide the hypervisor from the guest, because some graphics drivers refuse to work in a guest. \
      (default: with gpu)
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
