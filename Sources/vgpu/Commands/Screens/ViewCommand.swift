// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import ErrorKinds
import Guests
import HostDevices
import VGPUDisplay
import ViewerGTK

struct ViewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "view",
    abstract: "Show a guest's screen in a window.",
    discussion: """
      The window waits until a guest uses the vGPU, and waits again when the guest has ended. When \
      you close the window, the guest keeps running.

      Keyboard and mouse reach the guest through QEMU's QMP socket or through libvirt. vgpu finds \
      the socket on QEMU's command line. Without a socket, the window shows only the screen, and \
      the window's title tells the reason.

      The window plays the sound of a guest whose QEMU hands it out on D-Bus (`vgpu info TARGET` tells), and \
      the desktop's mixer shows it by the guest's name.

      QEMU gives its own screens to one program at a time. When another program takes them, the window says \
      so, and Enter takes them back.

      What you copy on the host can be pasted in the guest, and the other way round, and files that you \
      drop on the window go to the guest, when the guest runs its agent (spice-vdagent) and has a port for \
      it (`vgpu info TARGET`). The guest can ask for the host's clipboard only while the window has the \
      focus. Escape cancels what takes long.

      While the guest plays sound, and while its picture moves in fullscreen, the host's screen does not go \
      to rest.

      A guest that QEMU itself shows may have several screens (`vgpu info TARGET --heads`). --head all \
      opens a window for each. When QEMU comes back with other display devices, windows open and close \
      with them.

      Keys:
        Ctrl+Alt+G  give keyboard and mouse to the guest, or take them back
        Ctrl+Alt+F  switch to fullscreen and back (also F11)
        Ctrl+Alt+M  open the menu; it can send keys to the guest
        Ctrl+Alt+P  save the picture as a PNG file
        Ctrl+Alt+S  show or hide the statistics (also F8)
      F8 and F11 go to the guest when the guest has the keyboard.

      With --kms there is no window: the guest has a monitor for itself, without a compositor. Run it on a \
      console. Keyboard and mouse are the guest's; Ctrl+Alt+Backspace ends it.
      """)

  @OptionGroup var target: TargetArgument
  @OptionGroup var window: WindowOptions
  @OptionGroup(title: "Without a compositor") var kms: KMSOptions

  @Option(
    help: ArgumentHelp(
      "Use this QMP socket. (default: vgpu looks for one)", valueName: "path"),
    completion: .file())
  var qmp: String?

  @OptionGroup var agent: AgentOption

  @Flag(
    help: "Send nothing to the guest: no keys, no mouse, no monitor size, no clipboard, no files.")
  var viewOnly = false

  @Option(
    help: """
      Play the guest's sound. (default: what you chose last in this guest's menu, else on)
      """)
  var sound: Switch?

  @OptionGroup var hearing: MicrophoneOption

  @Flag(help: "Copy each frame instead of importing its buffer (for comparisons).")
  var upload = false

  @Flag(help: "Draw each frame instead of handing its buffer to the compositor.")
  var draw = false

  @Option(help: ArgumentHelp("End after this number of presented frames.", valueName: "n"))
  var frames: Int?

  @Option(help: ArgumentHelp("End after this time.", valueName: "seconds"))
  var seconds: Double?

  @Option(
    help: ArgumentHelp(
      "Write statistics as JSON to this file; - means standard output (docs/statistics.md).",
      valueName: "file"),
    completion: .file())
  var stats: String?

  func validate() throws {
    if kms.isWanted { try refuseWhatOnlyAWindowHas() }
    if viewOnly, qmp != nil || window.resolution != nil || agent.agent != nil {
      throw ValidationError(
        "--view-only: tells the guest nothing; leave out --qmp, --resolution and --agent")
    }
    if viewOnly, hearing.microphone {
      throw ValidationError("--view-only: tells the guest nothing; leave out --microphone")
    }
    if sound == .off, hearing.microphone {
      throw ValidationError("--microphone: goes with the sound; leave out --sound off")
    }
    if target.head == .all, frames != nil || stats != nil {
      throw ValidationError(
        "--head all: leave out --frames and --stats, which are about one window")
    }
    if let frames, frames < 1 { throw ValidationError("--frames \(frames): give 1 or more") }
    if let seconds, !(seconds > 0 && seconds <= 1e6) {
      throw ValidationError("--seconds \(seconds): give more than 0, at most 1000000")
    }
  }

  func run() throws {
    // Commands run on the main thread, which ArgumentParser's signature does not say.
    if kms.isWanted {
      try write(try MainActor.assumeIsolated { try showWithoutCompositor() })
    } else if let file = try MainActor.assumeIsolated({ try show() }) {
      try write(file)
    }
  }

  private func write(_ file: some Encodable) throws {
    guard let stats else { return }
    try OutputFile.write(Array((try JSONOutput.text(file) + "\n").utf8), to: stats)
  }

  /// - Returns: the statistics of the one window.
  @MainActor
  private func show() throws -> StatisticsFile<ViewerStatistics>? {
    var window = window
    if viewOnly { window.follow = false }
    // The window waits for a guest. A vGPU that does not exist is more likely a slip of the pen.
    if let vGPU = target.target.vGPU { _ = try HostHardware().vGPU(vGPU) }
    let named = target.guest(qmp: qmp, agent: agent.agent)
    let guest = try named.open(
      waiting: true, controlsSize: window.controlsMonitor, isTold: !viewOnly,
      isHeard: sound != .off)
    StandardError.warn(guest)
    let remembered = RememberedSettings(of: named.settingsName)
    let played =
      sound != .off
      ? PlayedSound(
        of: guest, hearing: hearing.microphone, isHeard: sound, remembered: remembered)
      : nil
    if target.head == .all, let heads = guest.screen.heads {
      let windows = try HeadWindows(
        of: heads, guest.screen.name,
        open: { screen in
          named.open(showing: screen, controlsSize: window.controlsMonitor, isTold: !viewOnly)
        },
        options: { guest, isFirst in
          try windowOptions(
            of: guest, window, agentOf: isFirst ? named : nil, remembered: remembered,
            playing: played)
        })
      try windows.show(consume guest, for: seconds.map { .seconds($0) })
      return nil
    }
    var options = try windowOptions(
      of: guest, window, agentOf: named, remembered: remembered, playing: played)
    if case .one(let head) = target.head {
      options.name = HeadWindows.title(guest.screen.name, head)
    }
    options.frames = frames
    options.time = seconds.map { .seconds($0) }
    let view = try Viewer.run(source: guest.makeFrameSource(), options: options)
    guest.leave()
    if !guest.isSizedByAgent, let problem = guest.size?.monitorProblem { throw problem }
    let screen = guest.screen
    if view.framesPresented == 0, case .noPicture(let reason) = screen.poll() {
      throw Failure("\(screen.name): nothing was shown: \(reason)", reason.errorClass)
    }
    return StatisticsFile(view, source: screen.counters)
  }

  @MainActor
  private func windowOptions(
    of guest: OpenGuest, _ window: WindowOptions, agentOf named: Guest?,
    remembered: RememberedSettings?, playing played: PlayedSound?
  ) throws -> ViewerOptions {
    var options = try window.apply(
      to: guest, agentOf: viewOnly ? nil : named, remembered: remembered, playing: played)
    if viewOnly { options.microphone = nil }
    options.alwaysUploads = upload
    options.handsOver = !draw
    return options
  }
}

/// A window for each head of a guest. All of them use one connection to the guest.
@MainActor
private final class HeadWindows {
  private let heads: any ScreenHeads
  private let name: String
  private let open: @MainActor (any GuestScreen) -> OpenGuest
  private let options: @MainActor (OpenGuest, Bool) throws -> ViewerOptions
  private let windows: ViewerWindows
  /// The heads that had a window: a window that the user has closed stays closed while its head is there.
  private var shown: Set<Int> = []

  /// - Parameters:
  ///   - heads: the guest's heads.
  ///   - name: the guest's name.
  ///   - open: opens the other functions of a head.
  ///   - options: the settings of a head's window; told whether it is the first head's, which has the
  ///     clipboards and takes files.
  init(
    of heads: any ScreenHeads, _ name: String,
    open: @escaping @MainActor (any GuestScreen) -> OpenGuest,
    options: @escaping @MainActor (OpenGuest, Bool) throws -> ViewerOptions
  ) throws {
    self.heads = heads
    self.name = name
    self.open = open
    self.options = options
    windows = try ViewerWindows()
  }

  /// The size of a further output's first monitor: that of QEMU's own for the first one.
  private static let firstSize = (width: 1280, height: 800)

  /// A window's title.
  static func title(_ name: String, _ head: Int) -> String { "\(name), head \(head)" }

  /// Shows the heads until the last window is closed.
  ///
  /// - Parameter first: the guest with its first head, whose window waits for the guest. A closed window
  ///   keeps nothing of its head.
  func show(_ first: consuming OpenGuest, for time: Duration?) throws {
    heads.follow { [weak self] heads in
      Task { @MainActor in self?.follow(heads) }
    }
    try show(first, as: 0)
    _ = consume first
    follow(heads.heads)
    windows.run(for: time)
    heads.follow(nil)
  }

  /// Opens windows for heads that have come, and closes those of heads that have gone.
  private func follow(_ present: [ScreenHead]) {
    // Without a connection, and without any head, the windows tell why.
    guard !present.isEmpty else { return }
    let present = Set(present.map(\.number))
    for number in shown.subtracting(present) {
      shown.remove(number)
      windows.close(number)
    }
    for number in present.subtracting(shown).sorted() {
      do {
        let guest = open(try heads.screen(of: number))
        try show(guest, as: number)
        // A guest draws on a further output when it has a monitor.
        if heads.heads.contains(where: { $0.number == number && $0.output > 0 }) {
          do throws(MonitorRefusal) {
            try guest.size?.plugIn(nearestTo: Self.firstSize, refreshRate: nil)
          } catch {
            StandardError.write("vgpu: head \(number) gets no monitor: \(error)")
          }
        }
      } catch {
        StandardError.write("vgpu: head \(number) is not shown: \(error)")
      }
    }
  }

  private func show(_ guest: OpenGuest, as number: Int) throws {
    shown.insert(number)
    var options = try options(guest, number == 0)
    options.name = Self.title(name, number)
    try windows.open(number, source: guest.makeFrameSource(), options: options)
  }
}
