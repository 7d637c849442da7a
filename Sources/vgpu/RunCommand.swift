// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices
import QEMU
import ViewerGTK

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Start a guest in QEMU on a vGPU and show it.",
    discussion: """
      The guest runs in a session of its own: closing the window or Ctrl-C ends the viewer, not the \
      guest, and `vgpu view UUID` shows it again. A vGPU that was made for the guest is removed when \
      the guest ends while it is shown. Everything behind -- goes to QEMU as it is.

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
    let view = Result { try Viewer.run(source: try run.source()) }
    try run.finish()
    _ = try view.get()
  }

  /// - Returns: `nil` where the command was only to be printed.
  @MainActor
  private func start(
    on vGPU: GuestVGPU, _ program: QEMUProgram, _ files: GuestOptions.Files
  ) throws -> GuestRun? {
    let launcher = GuestLauncher(program: program)
    let socket = try QMPSocket(vGPU.device.uuid)
    var configuration = try guest.configuration(vGPU.device, files)
    let kvmDefect = Accelerator.kvmDefect()
    configuration.hasKVM = kvmDefect == nil
    configuration.qmpSocket = socket.path
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
    return try GuestRun(configuration, by: launcher, on: vGPU, socket: socket)
  }
}
