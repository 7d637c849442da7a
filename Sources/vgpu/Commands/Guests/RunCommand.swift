// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import ErrorKinds
import GuestControl
import GuestSession
import Guests
import HostDevices
import LinuxSystem
import QEMU
import ViewerGTK

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Start a guest in QEMU, and show it in a window.",
    discussion: """
      Without --vgpu and --profile the guest has QEMU's own virtio GPU, and the host needs no GPU. QEMU \
      then needs its D-Bus display (`vgpu doctor --for virtio`).

        vgpu run --disk linux.qcow2
        vgpu run --cdrom debian.iso --disk new.qcow2,size=20G --memory 8G

      With --vgpu the guest has a part of a GPU. If vgpu made the vGPU for this guest, and the guest ends \
      while the window is open, vgpu removes the vGPU.

        vgpu run --vgpu i915-GVTg_V5_4 --cdrom debian.iso --disk new.qcow2
        vgpu run --vgpu i915-GVTg_V5_4 --disk linux.qcow2 --memory 8G
        vgpu run --vgpu UUID --disk win.img --windows --firmware uefi -- -snapshot

      Windows 11 wants a TPM and Secure Boot. The guest starts from its disks first, and from a CD when \
      they are empty.

        vgpu run --windows --tpm --secure-boot --memory 8G --cpus 4 \\
          --disk win11.qcow2,size=64G --cdrom Win11.iso --cdrom virtio-win.iso

      When you close the window or press Ctrl-C, vgpu asks: power the guest down, kill the guest, or \
      leave the guest running. A second Ctrl-C leaves the guest running; `vgpu view UUID` or \
      `vgpu view pid:N` shows the guest again. All words after -- go to QEMU unchanged.

      A guest with a whole GPU has no window, because the guest draws on the GPU's own monitor. \
      Bind the GPU to vfio-pci first (`vgpu pci bind`). Profiles:
        igd   Intel's integrated GPU, as the guest's first screen; or, with
              --machine q35, as a second GPU for video and computing
        gpu   a graphics card (--gpu 01:00), or one function of it (01:00.0);
              the firmware is UEFI

        vgpu run --profile igd --disk linux.qcow2 --rom vbios.bin
        vgpu run --profile gpu --gpu 01:00 --disk win.img --windows --pin
      """)

  @OptionGroup var options: PlanOptions

  @OptionGroup(title: "WINDOW")
  var window: WindowOptions

  @OptionGroup(title: "WINDOW")
  var hearing: MicrophoneOption

  @Option(
    help: ArgumentHelp("Do this with the guest when you close the window.", valueName: "action"))
  var onClose = CloseAction.ask

  @Option(help: ArgumentHelp("Use this QEMU.", valueName: "program"), completion: .file())
  var qemu = "qemu-system-x86_64"

  @Flag(
    name: .customLong("print"),
    help: """
      Print QEMU's command instead of starting QEMU, and swtpm's before it. Only the file of UEFI \
      variables and the TPM's folder are made.
      """)
  var printsCommand = false

  @Flag(help: "Start the guest without a window, and print QEMU's process number.")
  var noView = false

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
    let guest = try PlanOptions.carryingOut { try start(plan, program, folders) }
    let graphics = Self.graphics(of: guest)
    say("the guest runs as pid:\(guest.process.pid) \(graphics); log: \(guest.logPath)")
    if noView || !guest.configuration.isShownByHost {
      try print(guest.process.pid)
      return
    }
    let view = Result { try show(guest) }
    if try guest.cleanUp() == nil { sayThatItRunsOn(guest) }
    try view.get()
  }

  /// Starts the guest. Ctrl-C ends the start, and nothing of it is left but the log.
  private func start(
    _ plan: GuestPlan, _ program: QEMUProgram, _ folders: GuestFolders
  ) throws -> RunningGuest {
    let start = Task.detached {
      try await RunningGuest.start(
        plan, with: program, in: folders, tryingOpenGL: OpenGLProbe.trial
      ) { $0.show() }
    }
    let interrupts = InterruptWatch { start.cancel() }
    defer { interrupts.end() }
    return try waiting { try await start.value }
  }

  private static func graphics(of guest: RunningGuest) -> String {
    if let vGPU = guest.vGPU { return "on vGPU \(vGPU.uuid)" }
    return guest.configuration.hasVirtioGPU
      ? "on a virtio GPU\(guest.configuration.display == .dbus(hasGL: true) ? " with OpenGL" : "")"
      : "without a window, because its screen is the GPU's own monitor"
  }

  private func printCommand(
    _ plan: GuestPlan, _ program: QEMUProgram, _ folders: GuestFolders
  ) throws {
    let launcher = GuestLauncher(program: program)
    let configuration = try PlanOptions.carryingOut {
      try plan.configuration(
        for: program, folders: folders, tryingOpenGL: OpenGLProbe.trial
      ) { $0.show() }
    }
    if let tpm = configuration.tpm, let command = tpm.command() {
      if let socket = tpm.socket, socket.contains(",") {
        throw Failure(
          """
          \(socket): swtpm takes no socket with a comma in its path; set XDG_RUNTIME_DIR to \
          another folder
          """, .argument)
      }
      try print(ShellCommand.text(command, nodes: []))
    }
    for share in configuration.shares {
      guard case .virtiofs(let socket?) = share.way, let server = VirtiofsServer.find() else {
        continue
      }
      // QEMU must find the socket of this server, and not that of an earlier one.
      let file = ShellCommand.text([socket], nodes: [])
      try print("rm -f \(file)")
      try print(ShellCommand.text(server.command(for: share, socket: socket), nodes: []) + " &")
      try print("while kill -0 $! && [ ! -S \(file) ]; do sleep 0.1; done")
    }
    try print(
      ShellCommand.text(
        [program.path] + configuration.arguments(launcher.handover(for: configuration)),
        nodes: launcher.nodes(for: configuration)))
  }

  /// The source goes with it, because nothing may hold the vGPU that is removed then.
  @MainActor
  private func show(_ guest: RunningGuest) throws {
    let hasSound = guest.configuration.hasSound
    let shown = try guest.open(
      controlsSize: window.controlsMonitor, isTold: true, isHeard: hasSound)
    let remembered = RememberedSettings(of: guest.settingsName)
    let played =
      hasSound
      ? PlayedSound(
        of: shown, hearing: hearing.microphone, isHeard: self.options.guest.sound,
        remembered: remembered) : nil
    let ending = GuestEnding(guest)
    var options = try window.apply(
      to: shown, agentOf: guest.named, remembered: remembered, playing: played)
    // The question is written before the window is opened.
    Viewer.chooseLanguage()
    options.closeQuestion = ending.question(onClose)
    options.untilEnd = { _ = try? await guest.waitForEnd() }
    _ = try Viewer.run(source: shown.makeFrameSource(), options: options)
    shown.leave()
    if ending.kills { guest.kill() }
  }

  private func sayThatItRunsOn(_ guest: RunningGuest) {
    let name = guest.vGPU.map { "\($0.uuid)" } ?? "pid:\(guest.process.pid)"
    say("the guest runs on; `vgpu view \(name)` shows it again")
    if guest.isVGPUMade { say("when it has ended, `vgpu remove \(name)` removes its vGPU") }
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
  private let guest: RunningGuest

  init(_ guest: RunningGuest) { self.guest = guest }

  /// The question that the window asks before it closes; `nil` when it asks nothing.
  func question(_ action: CloseAction) -> CloseQuestion? {
    switch action {
    case .ask:
      CloseQuestion(
        title: translated("The guest is running."),
        text: translated(
          """
          It can power down, as by its power button; go on without a window, to be shown again by \
          `vgpu view`; or be killed, which loses what it has not written to its disks.
          """),
        answers: [
          .init(translated("Kill"), isDestructive: true) { [self] in kill() },
          .init(translated("Leave running")) { .close },
          .init(translated("Power down")) { [self] in powerDown() },
        ])
    case .leave: nil
    case .powerDown:
      CloseQuestion(
        title: translated("Power the guest down?"),
        text: translated("The window closes when it has."),
        answers: [.init(translated("Power down")) { [self] in powerDown() }])
    case .kill:
      CloseQuestion(
        title: translated("Kill the guest?"),
        text: translated("What it has not written to its disks is lost."),
        answers: [.init(translated("Kill"), isDestructive: true) { [self] in kill() }])
    }
  }

  private func kill() -> CloseQuestion.Outcome {
    kills = true
    return .close
  }

  private func powerDown() -> CloseQuestion.Outcome {
    let guest = guest
    // Not on the main actor: GTK runs its thread, and no queue of tasks.
    Task.detached {
      do {
        try await guest.askToPowerDown()
      } catch {
        say("the guest was told to power down, and still runs: \(error)")
      }
    }
    return .stay(status: translated("Waiting for the guest to power down"))
  }
}
