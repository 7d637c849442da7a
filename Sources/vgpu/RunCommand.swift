// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BootScreen
import GuestControl
import HostDevices
import QEMU
import VGPUDisplay
import ViewerGTK

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Start a guest in QEMU on a vGPU and show it.",
    discussion: """
      The guest runs in a session of its own. Closing the window, or Ctrl-C, asks what becomes of it: \
      it powers down, is killed, or runs on, and `vgpu view UUID` shows it again; a second Ctrl-C \
      leaves it running. A vGPU that was made for the guest is removed when the guest ends while it \
      is shown. Everything behind -- goes to QEMU as it is.

        vgpu run --vgpu i915-GVTg_V5_4 --cdrom debian.iso --disk new.qcow2
        vgpu run --vgpu i915-GVTg_V5_4 --disk linux.qcow2 --memory 8G
        vgpu run --vgpu UUID --disk win.img --windows --firmware uefi -- -snapshot
      """)

  @Option(
    help: ArgumentHelp(
      "The vGPU's UUID, or a type of which one is made (see `vgpu types`).",
      valueName: "uuid|type"))
  var vgpu: String

  @OptionGroup(title: "GUEST")
  var guest: GuestOptions

  @OptionGroup(title: "WINDOW")
  var window: WindowOptions

  @Option(help: "What becomes of the guest when the window is closed.")
  var onClose = GuestEnding.ask

  @Option(help: ArgumentHelp("Which QEMU.", valueName: "program"))
  var qemu = "qemu-system-x86_64"

  @Flag(name: .customLong("print"), help: "Print QEMU's command instead of starting it.")
  var printsCommand = false

  @Flag(help: "Start the guest without showing it; prints its process.")
  var noView = false

  @Argument(parsing: .postTerminator, help: "Further arguments for QEMU.")
  var extra: [String] = []

  func validate() throws {
    if extra.contains(where: { $0 == "-daemonize" || $0 == "--daemonize" }) {
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
    let files = try guest.files(for: program)
    let vGPU = try GuestVGPU(vgpu, starting: !printsCommand)
    let run: GuestRun
    do {
      guard let started = try start(on: vGPU, program, files) else { return }
      run = started
    } catch {
      // A guest that never ran leaves nothing behind.
      try? vGPU.remove()
      throw error
    }
    if noView {
      print(run.process.pid)
      return
    }
    let view = Result { try show(run) }
    try run.finish()
    try view.get()
  }

  @MainActor
  private func show(_ run: GuestRun) throws {
    let source = try run.source(controlsMonitor: window.controlsMonitor)
    let control = GuestControl(.socket(try QMPSocket(run.vGPU.device.uuid, for: .window).path))
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
    on vGPU: GuestVGPU, _ program: QEMUProgram, _ files: GuestOptions.Files
  ) throws -> GuestRun? {
    let launcher = GuestLauncher(program: program)
    let sockets = try QMPSocket.Client.allCases.map { try QMPSocket(vGPU.device.uuid, for: $0) }
    var configuration = try guest.configuration(vGPU.device, files)
    let kvmDefect = Accelerator.kvmDefect()
    configuration.hasKVM = kvmDefect == nil
    configuration.qmpSockets = sockets.map(\.path)
    configuration.extra = extra
    if printsCommand {
      print(
        ShellCommand.text(
          [program.path] + configuration.arguments(launcher.handover(for: configuration)),
          nodes: launcher.nodes(for: configuration)))
      return nil
    }
    if let kvmDefect {
      GuestRun.say(
        "warning: the guest is emulated, which is slow: KVM cannot be used: \(kvmDefect)")
    }
    if let warning = LockedMemory.warning(mebibytes: configuration.memory) {
      GuestRun.say("warning: \(warning)")
    }
    return try GuestRun(configuration, by: launcher, on: vGPU, sockets: sockets)
  }
}
