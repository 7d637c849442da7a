// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import Attachment
import HostDevices
import LinuxSystem
public import QEMU
import ViewerGTK

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Start a guest in QEMU on a vGPU and show it.",
    discussion: """
      The guest runs in a session of its own: closing the window or Ctrl-C ends the viewer, not the \
      guest. `vgpu view UUID` shows it again. Everything behind -- goes to QEMU as it is.

        vgpu run --vgpu i915-GVTg_V5_4 --disk linux.qcow2 --memory 8G
        vgpu run --vgpu 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 --disk win.img --windows -- -snapshot
      """)

  @Option(
    help: ArgumentHelp(
      "The vGPU's UUID, or a type of which one is made.", valueName: "uuid|type"))
  var vgpu: String

  @Option(help: ArgumentHelp("A disk image, qcow2 or raw; several in turn.", valueName: "file"))
  var disk: [String] = []

  @Option(help: ArgumentHelp("A CD image.", valueName: "file"))
  var cdrom: String?

  @Option(help: "Memory, such as 8G or 512M.")
  var memory = MemorySize(mebibytes: 4096)

  @Option(help: "Virtual processors.")
  var cpus = 2

  @Option(help: "Which mainboard: q35 or pc.")
  var machine = GuestConfiguration.Machine.q35

  @Flag(help: "The guest is Windows: SATA disks, Hyper-V's interfaces, a clock in local time.")
  var windows = false

  @Option(help: ArgumentHelp("Which QEMU.", valueName: "program"))
  var qemu = "qemu-system-x86_64"

  @Flag(name: .customLong("print"), help: "Print QEMU's command instead of starting it.")
  var printsCommand = false

  @Flag(help: "Start the guest without showing it; prints its process.")
  var noView = false

  @Argument(parsing: .postTerminator, help: "Further arguments for QEMU.")
  var extra: [String] = []

  func validate() throws {
    guard (1...512).contains(cpus) else { throw ValidationError("--cpus \(cpus): 1 to 512") }
  }

  func run() throws {
    let program = try QEMUProgram.probe(qemu)
    let disks = try disk.map { try DiskImage(reading: $0) }
    if let cdrom { _ = try DiskImage(reading: cdrom) }
    let kvmDefect = Accelerator.kvmDefect()
    let (vGPU, isNew) = try findOrMake()
    var configuration = GuestConfiguration(vGPU: vGPU)
    configuration.disks = disks
    configuration.cdrom = cdrom
    configuration.memory = memory.mebibytes
    configuration.cpus = cpus
    configuration.machine = machine
    configuration.isWindows = windows
    configuration.hasKVM = kvmDefect == nil
    configuration.extra = extra
    let launcher = GuestLauncher(program: program)
    if printsCommand {
      let arguments = configuration.arguments(launcher.handover(for: configuration))
      print(([program.path] + arguments).map(Self.quoted).joined(separator: " "))
      return
    }
    if let kvmDefect {
      Self.say("warning: the guest is emulated, which is slow: KVM cannot be used: \(kvmDefect)")
    }
    do {
      let log = try GuestLog(vGPU.uuid)
      let guest = try launcher.start(configuration, log: log.descriptor.rawValue)
      try waitForDevice(guest.process, vGPU.uuid, log)
      Self.say("the guest runs as pid:\(guest.process.pid) on vGPU \(vGPU.uuid); log: \(log.path)")
      if noView {
        print(guest.process.pid)
        return
      }
      try show(vGPU.uuid, guest.process)
    } catch {
      // A guest that never ran leaves nothing behind.
      if isNew, HostDevices().users(of: vGPU.uuid).isEmpty { try? HostDevices().remove(vGPU.uuid) }
      throw error
    }
  }

  /// The vGPU that was named, or a new one; with `--print` a new one stays imaginary.
  private func findOrMake() throws -> (MdevDevice, isNew: Bool) {
    let host = HostDevices()
    if let uuid = MdevUUID(vgpu) {
      guard let device = host.device(uuid) else {
        throw AttachmentError.noSuchVGPU(uuid, existing: try host.devices().map(\.uuid))
      }
      let users = host.users(of: uuid)
      guard users.isEmpty || printsCommand else {
        throw Failure(
          "\(uuid): process \(users[0]) uses the vGPU; look at it with `vgpu view \(uuid)`")
      }
      return (device, false)
    }
    if printsCommand {
      throw Failure("--print needs a vGPU that exists: make one with `vgpu create \(vgpu)`")
    }
    return (try host.create(type: vgpu), true)
  }

  /// Until QEMU has the device, or has said why not and ended.
  private func waitForDevice(
    _ process: GuestProcess, _ uuid: MdevUUID, _ log: borrowing GuestLog
  ) throws {
    for _ in 0..<300 {
      if let end = process.end() {
        switch end {
        case .exited(let code):
          throw Failure("QEMU ended with code \(code): \(log.tail)")
        case .killed(let signal):
          throw Failure("QEMU was ended by signal \(signal)")
        }
      }
      if HostDevices().users(of: uuid).contains(process.pid) { return }
      pause(seconds: 0.1)
    }
    throw Failure("pid:\(process.pid): QEMU runs, but has not opened the vGPU \(uuid) in 30 s")
  }

  private func show(_ uuid: MdevUUID, _ process: GuestProcess) throws {
    try MainActor.assumeIsolated {
      let source = try AttachedSource(.mdev(uuid), waiting: true)
      _ = try Viewer.run(source: source)
    }
    if process.end() == nil {
      Self.say("the guest runs on; `vgpu view \(uuid)` shows it again")
    }
  }

  /// What a shell takes for one word.
  private static func quoted(_ word: String) -> String {
    let plain = word.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || "-_./=,:+".contains($0))
    }
    guard !plain || word.isEmpty else { return word }
    return "'"
      + word.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }

  private static func say(_ text: String) {
    StandardError.write("vgpu: \(text)\n")
  }
}

extension GuestConfiguration.Machine: ExpressibleByArgument {}
