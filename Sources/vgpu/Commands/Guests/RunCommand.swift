// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import GuestControl
import GuestSession
import Guests
import HostDevices
import QEMU
import ViewerGTK

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Start a guest in QEMU, on a vGPU with a window or on a whole GPU.",
    discussion: """
      When you close the window or press Ctrl-C, vgpu asks: power the guest down, kill it, or leave \
      it running. A second Ctrl-C leaves it running; `vgpu view UUID` shows it again. When vgpu made \
      the vGPU for this guest, it removes the vGPU after a guest that ends while its window is open.
      vgpu passes all words after -- to QEMU unchanged.

        vgpu run --vgpu i915-GVTg_V5_4 --cdrom debian.iso --disk new.qcow2
        vgpu run --vgpu i915-GVTg_V5_4 --disk linux.qcow2 --memory 8G
        vgpu run --vgpu UUID --disk win.img --windows --firmware uefi -- -snapshot

      A guest with a whole GPU draws on the monitor that is plugged into the GPU, and has no window. \
      Bind the GPU to vfio-pci first (`vgpu pci bind`). Profiles:
        igd   Intel's integrated GPU, as the guest's first screen; with
              --machine q35 as a second GPU, for video and computing
        gpu   a graphics card (--gpu 01:00), or one function of it (01:00.0);
              the firmware is UEFI

        vgpu run --profile igd --disk linux.qcow2 --rom vbios.bin
        vgpu run --profile gpu --gpu 01:00 --disk win.img --windows --pin
      """)

  @OptionGroup var options: PlanOptions

  @OptionGroup(title: "WINDOW")
  var window: WindowOptions

  @Option(help: "Do this with the guest when the window is closed.")
  var onClose = CloseAction.ask

  @Option(help: ArgumentHelp("Use this QEMU.", valueName: "program"))
  var qemu = "qemu-system-x86_64"

  @Flag(
    name: .customLong("print"),
    help: "Print QEMU's command, do not start it. Only the UEFI variables are made.")
  var printsCommand = false

  @Flag(help: "Start the guest without a window and print its process number.")
  var noView = false

  func validate() throws {
    if options.extra.contains(where: { $0 == "-daemonize" || $0 == "--daemonize" }) {
      throw ValidationError("-daemonize: the guest outlives this command anyway; leave it out")
    }
  }

  func run() throws {
    // Commands run on the main thread, which ArgumentParser's signature does not say.
    try MainActor.assumeIsolated { try runGuest() }
  }

  @MainActor
  private func runGuest() throws {
    let program = try QEMUProgram.probe(qemu)
    let plan = options.plan
    let folders = GuestFolders.user(program: "vgpu")
    if printsCommand { return try printCommand(plan, program, folders) }
    let guest = try PlanOptions.carryingOut {
      try waiting {
        try await RunningGuest.start(plan, with: program, in: folders) { $0.show() }
      }
    }
    let screen =
      guest.vGPU.map { "on vGPU \($0.uuid)" }
      ?? "without a window, because its screen is the GPU's own monitor"
    say("the guest runs as pid:\(guest.process.pid) \(screen); log: \(guest.logPath)")
    if noView || guest.vGPU == nil {
      print(guest.process.pid)
      return
    }
    let view = Result { try show(guest) }
    if try guest.cleanUp() == nil { sayThatItRunsOn(guest) }
    try view.get()
  }

  private func printCommand(
    _ plan: GuestPlan, _ program: QEMUProgram, _ folders: GuestFolders
  ) throws {
    let launcher = GuestLauncher(program: program)
    let configuration = try PlanOptions.carryingOut {
      try plan.configuration(for: program, folders: folders) { $0.show() }
    }
    print(
      ShellCommand.text(
        [program.path] + configuration.arguments(launcher.handover(for: configuration)),
        nodes: launcher.nodes(for: configuration)))
  }

  /// The source goes with it, because nothing may hold the vGPU that is removed then.
  @MainActor
  private func show(_ guest: RunningGuest) throws {
    guard let vGPU = guest.vGPU else { return }
    let shown = Guest(.mdev(vGPU.uuid), qmpSocket: guest.sockets.window).open(
      showing: try screen(of: guest, on: vGPU), controlsSize: window.controlsMonitor, isTold: true)
    let ending = shown.control.map { GuestEnding($0) }
    var options = try window.apply(to: shown.size)
    options.input = shown.control
    options.closeQuestion = ending?.question(onClose)
    options.isOver = { guest.state != .running }
    _ = try Viewer.run(source: shown.makeFrameSource(), options: options)
    if ending?.kills == true { guest.kill() }
  }

  /// The guest's screen: by the launcher's own duplicate of the device where there is one.
  private func screen(of guest: RunningGuest, on vGPU: MdevDevice) throws -> AttachedSource {
    guard let device = guest.takeDevice() else {
      return try AttachedSource(
        .mdev(vGPU.uuid), waiting: true, controlsMonitor: window.controlsMonitor)
    }
    return try AttachedSource(
      keeping: device, of: vGPU, process: guest.process.running,
      controlsMonitor: window.controlsMonitor)
  }

  private func sayThatItRunsOn(_ guest: RunningGuest) {
    guard let uuid = guest.vGPU?.uuid else { return }
    say("the guest runs on; `vgpu view \(uuid)` shows it again")
    if guest.isVGPUMade { say("when it has ended, `vgpu remove \(uuid)` removes its vGPU") }
  }
}

private func say(_ text: String) { StandardError.write("vgpu: \(text)") }

/// What becomes of a guest when its window is closed.
enum CloseAction: String, CaseIterable, ExpressibleByArgument {
  case ask
  case leave
  case powerDown = "power-down"
  case kill
}

/// Asks what becomes of the guest, and carries the answer out.
@MainActor
private final class GuestEnding {
  /// Whether the guest is to be ended at once, when the window is gone.
  private(set) var kills = false
  private let control: GuestController

  init(_ control: GuestController) { self.control = control }

  /// The question that the window asks before it closes; `nil` when it asks nothing.
  func question(_ action: CloseAction) -> CloseQuestion? {
    switch action {
    case .ask:
      CloseQuestion(
        title: "The guest is running.",
        text: """
          It can power down, as by its power button; go on without a window, to be shown again by \
          `vgpu view`; or be killed, which loses what it has not written to its disks.
          """,
        answers: [
          .init("Kill", isDestructive: true) { [self] in kill() },
          .init("Leave running") { .close },
          .init("Power down") { [self] in powerDown() },
        ])
    case .leave: nil
    case .powerDown:
      CloseQuestion(
        title: "Power the guest down?", text: "The window closes when it has.",
        answers: [.init("Power down") { [self] in powerDown() }])
    case .kill:
      CloseQuestion(
        title: "Kill the guest?", text: "What it has not written to its disks is lost.",
        answers: [.init("Kill", isDestructive: true) { [self] in kill() }])
    }
  }

  private func kill() -> CloseQuestion.Outcome {
    kills = true
    return .close
  }

  private func powerDown() -> CloseQuestion.Outcome {
    let control = control
    // Not on the main actor: GTK runs its thread, and no queue of tasks.
    Task.detached {
      do {
        try await control.powerDown()
      } catch {
        say("the guest cannot be told to power down: \(error)")
      }
    }
    return .stay(status: "Waiting for the guest to power down")
  }
}
