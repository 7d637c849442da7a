// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import BootScreen
import GuestControl
import HostDevices
import QEMU
import VGPUDisplay
import ViewerGTK

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Start a guest in QEMU on a vGPU and show it, or on a whole GPU.",
    discussion: """
      The guest runs in a session of its own. Closing the window, or Ctrl-C, asks what becomes of it: \
      it powers down, is killed, or runs on, and `vgpu view UUID` shows it again; a second Ctrl-C \
      leaves it running. A vGPU that was made for the guest is removed when the guest ends while it \
      is shown. Everything behind -- goes to QEMU as it is.

        vgpu run --vgpu i915-GVTg_V5_4 --cdrom debian.iso --disk new.qcow2
        vgpu run --vgpu i915-GVTg_V5_4 --disk linux.qcow2 --memory 8G
        vgpu run --vgpu UUID --disk win.img --windows --firmware uefi -- -snapshot

      A guest that has a whole GPU shows itself on that GPU's monitor, and is started without a \
      window. Its devices must be bound to vfio-pci (`vgpu pci bind`):
        igd   Intel's graphics, as the guest's first screen; with --machine q35
              as a second GPU, for video and computing
        gpu   a graphics card (--gpu 01:00), or one function of it (01:00.0),
              under UEFI

        vgpu run --profile igd --disk linux.qcow2 --rom vbios.bin
        vgpu run --profile gpu --gpu 01:00 --disk win.img --windows --pin
      """)

  @OptionGroup var plan: GuestPlan

  @OptionGroup(title: "WINDOW")
  var window: WindowOptions

  @Option(help: "What becomes of the guest when the window is closed.")
  var onClose = GuestEnding.ask

  @Option(help: ArgumentHelp("Which QEMU.", valueName: "program"))
  var qemu = "qemu-system-x86_64"

  @Flag(
    name: .customLong("print"),
    help: "Print QEMU's command instead of starting it; make only the UEFI variables.")
  var printsCommand = false

  @Flag(help: "Start the guest without showing it; prints its process.")
  var noView = false

  func validate() throws {
    if plan.extra.contains(where: { $0 == "-daemonize" || $0 == "--daemonize" }) {
      throw ValidationError("-daemonize: a guest outlives this command anyway; leave it out")
    }
  }

  func run() throws {
    // Commands run on the main thread, which ArgumentParser's signature does not say.
    try MainActor.assumeIsolated { try runGuest() }
  }

  @MainActor
  private func runGuest() throws {
    let program = try QEMUProgram.probe(qemu)
    let parts = try plan.parts(for: program, isHere: !printsCommand)
    let vGPU = try plan.graphics.vgpu.map { try GuestVGPU($0, starting: !printsCommand) }
    let run: GuestRun
    do {
      guard let started = try start(parts, on: vGPU, program) else { return }
      run = started
    } catch {
      // A guest that never ran leaves nothing behind.
      try? vGPU?.remove()
      throw error
    }
    if noView || run.vGPU == nil {
      print(run.process.pid)
      return
    }
    let view = Result { try show(run) }
    try run.finish()
    try view.get()
  }

  /// The source goes with it, as nothing may hold the vGPU that is removed then.
  @MainActor
  private func show(_ run: GuestRun) throws {
    guard let source = try run.source(controlsMonitor: window.controlsMonitor) else { return }
    let control = GuestController(
      .socket(try QMPSocket(plan.identity(run.vGPU?.device), for: .window).path))
    let ender = GuestEnder(control)
    var options = try window.apply(to: source)
    options.input = control
    options.closeQuestion = ender.question(onClose)
    options.isOver = { run.hasEnded }
    _ = try Viewer.run(source: BootScreenSource(wrapping: source, control), options: options)
    if ender.kills { run.kill() }
  }

  /// - Returns: `nil` where the command was only to be printed.
  @MainActor
  private func start(
    _ parts: GuestPlan.Parts, on vGPU: GuestVGPU?, _ program: QEMUProgram
  ) throws -> GuestRun? {
    let launcher = GuestLauncher(program: program)
    let identity = plan.identity(vGPU?.device)
    let sockets = try QMPSocket.Client.allCases.map { try QMPSocket(identity, for: $0) }
    var configuration = try plan.configuration(parts, vGPU?.device, makesStore: true)
    configuration.useKVM()
    configuration.qmpSockets = sockets.map(\.path)
    if printsCommand {
      print(
        ShellCommand.text(
          [program.path] + configuration.arguments(launcher.handover(for: configuration)),
          nodes: launcher.nodes(for: configuration)))
      return nil
    }
    if let warning = LockedMemory.warning(mebibytes: configuration.memory) {
      GuestRun.say("warning: \(warning)")
    }
    return try GuestRun(
      configuration, by: launcher, on: vGPU, sockets: sockets, identity: identity)
  }
}
