// SPDX-License-Identifier: Apache-2.0

// What the window tests run: a viewer of a synthetic guest, whose statistics it prints, one
// NAME=VALUE per line. Options are NAME=VALUE too; see below.

import CGTK3
import Dispatch
import EGLPresenter
import FrameStatistics
import Glibc
import GuestAgent
import GuestInput
import LinuxSystem
import Synchronization
import VGPUDisplay
import ViewerGTK

let options = Dictionary(
  CommandLine.arguments.dropFirst().map { argument in
    let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
    return (parts[0], parts.count > 1 ? parts[1] : "")
  }, uniquingKeysWith: { $1 })

@MainActor func number(_ name: String, _ otherwise: Double) -> Double {
  options[name].flatMap(Double.init) ?? otherwise
}

/// What the guest does when the test sends SIGUSR1.
enum Telling {
  private static let time = Mutex<MonotonicInstant?>(nil)
  private static let news = AsyncStream.makeStream(of: Void.self)
  @MainActor private static var signals: (any DispatchSourceSignal)?

  @MainActor static func listen() {
    signal(SIGUSR1, SIG_IGN)
    // Not the main queue, which a test of its rest must not wake.
    let source = DispatchSource.makeSignalSource(signal: SIGUSR1, queue: .global())
    source.setEventHandler { @Sendable in
      time.withLock { $0 = .now }
      news.continuation.yield()
    }
    source.activate()
    signals = source
  }

  /// When it was told.
  static var told: MonotonicInstant? { time.withLock(\.self) }

  /// A guest that plays from then on.
  static var sound: SoundActivity {
    SoundActivity(isPlaying: { told != nil }, changes: { news.stream })
  }
}

/// A guest's sound and microphone, which tell of it when they are turned.
@MainActor enum Switches {
  private static var areOn = ["speaker": true, "microphone": false]

  static let speaker = make("speaker")
  static let microphone = make("microphone")

  private static func make(_ name: String) -> SoundSwitch {
    SoundSwitch(
      isOn: { areOn[name] == true },
      turn: {
        areOn[name] = $0
        report("\(name)=\($0)")
      })
  }
}

func openDescriptors() -> Int {
  (0..<4096).count { fcntl(Int32($0), F_GETFD) >= 0 }
}

/// Has the driver tell of resets: at every so-many-th asking, in all `resets` of them.
@MainActor func resetGPU(every askings: Int) {
  let left = Mutex((askings: askings, resets: Int(number("resets", 1))))
  GraphicsReset.seam.withLock { query in
    query = {
      left.withLock { left in
        left.askings -= 1
        guard left.askings <= 0, left.resets > 0 else { return nil }
        left = (askings, left.resets - 1)
        report("reset")
        return .guilty
      }
    }
  }
}

do {
  if options["two"] != nil {
    try TwoViews.run()
    exit(0)
  }
  if let devices = options["touches"] {
    try Touches.run(
      devices == "screen"
        ? [.keyboard, .mouse, .tablet, .touchScreen] : [.keyboard, .mouse, .tablet])
    exit(0)
  }
  if options["views"] != nil {
    try Views.run(options)
    exit(0)
  }
  if options["ancestors"] != nil {
    try Ancestors.run(options)
    exit(0)
  }
  // Before there are widgets, and after GTK has chosen its own.
  if options["rtl"] != nil, gtk_init_check(nil, nil) != 0 {
    gtk_widget_set_default_direction(GTK_TEXT_DIR_RTL)
  }
  if let count = options["list"].flatMap(Int.init) {
    try GuestLists.run(count)
    exit(0)
  }
  var viewer = ViewerOptions(
    scaling: options["scaling"].flatMap(ScalingMode.init) ?? .fit,
    frames: options["frames"].flatMap(Int.init),
    time: options["seconds"].flatMap(Double.init).map { .seconds($0) },
    alwaysUploads: options["uploads"] != nil)
  viewer.isFullscreen = options["fullscreen"] != nil
  // Else compositors would take the memory files, and nothing be drawn.
  viewer.handsOver = options["hands-over"] != nil
  switch options["input"] {
  case "absolute": viewer.input = PrintingInput(state: .ready([.keyboard, .mouse, .tablet]))
  case "relative": viewer.input = PrintingInput(state: .ready([.keyboard, .mouse]))
  case "none": viewer.input = PrintingInput(state: .viewOnly(reason: "nobody listens"))
  default: break
  }
  viewer.onMonitor = { wish in
    report("wish=\(wish.size.width)x\(wish.size.height)@\(wish.refreshRate ?? 0)")
  }
  if let seconds = options["plays"].flatMap(Double.init) {
    let end = ContinuousClock.now + .seconds(seconds)
    viewer.sound = SoundActivity(
      isPlaying: { ContinuousClock.now < end }, changes: { AsyncStream { $0.finish() } })
  }
  if options["switches"] != nil {
    viewer.speaker = Switches.speaker
    viewer.microphone = Switches.microphone
    viewer.version = "7.8.9"
  }
  Telling.listen()
  if options["plays-when-told"] != nil { viewer.sound = Telling.sound }
  if let name = options["name"] { viewer.name = name }
  if let path = options["agent"] { viewer.agent = AgentSocket(path: path) }
  if let reset = options["reset"].flatMap(Int.init) { resetGPU(every: reset) }
  if options["question"] != nil {
    Viewer.chooseLanguage()
    viewer.closeQuestion = CloseQuestion(
      title: translated("The guest is running."), text: "What is to become of it?",
      answers: [
        .init(translated("Kill"), isDestructive: true) {
          report("answer=kill")
          return .close
        },
        .init("Power down") {
          report("answer=power")
          return .stay(status: "Waiting for the guest to power down")
        },
      ])
  }
  if options["tasks"] != nil {
    Task { @MainActor in
      report("task=begins")
      try? await Task.sleep(for: .milliseconds(20))
      report("task=slept")
      await Task.detached { await MainActor.run { report("task=run") } }.value
      DispatchQueue.main.async {
        report("task=queue")
        kill(getpid(), SIGTERM)
      }
    }
  }
  for round in 0..<Int(number("rounds", 1)) {
    let source: any FrameSource =
      if let rate = options["tells"].flatMap(Double.init) {
        try TellingSource(
          framesPerSecond: rate, stopsAfter: Int(number("stops-after", 0)),
          isUpsideDown: options["upside-down"] != nil,
          goesOn: { Telling.told })
      } else {
        try SyntheticSource(
          width: Int(number("width", 640)), height: Int(number("height", 480)),
          buffers: Int(number("buffers", 3)), hasCursor: options["cursor"] != nil,
          offBefore: number("off-before", 0), offAfter: number("off-after", 1e9),
          drawsAt: options["draws-at"].flatMap(Double.init))
      }
    let statistics = try Viewer.run(source: source, options: viewer)
    report("round=\(round)")
    report("frames=\(statistics.framesPresented)")
    report("seconds=\(statistics.seconds)")
    report("fps=\(statistics.framesPerSecond)")
    report("path=\(statistics.path?.rawValue ?? "none")")
    report("imports=\(statistics.imports)")
    report("gets=\(statistics.gets)")
    report("copies=\(statistics.copies)")
    report("handovers=\(statistics.handovers)")
    report("refusal-to-hand-over=\(statistics.handoverRefusal?.description ?? "none")")
    report("draws=\(statistics.draws)")
    report("renderer=\(statistics.renderer ?? "none")")
    report("backend=\(statistics.backend?.rawValue ?? "none")")
    report("feedback=\(statistics.feedback?.rawValue ?? "none")")
    report("comparisons=\(statistics.comparisons)")
    report("comparison=\(statistics.changeDetection?.rawValue ?? "none")")
    report("rate=\(statistics.refreshRate ?? 0)")
    report("shown=\(statistics.framesShown)")
    report("late=\(statistics.framesLate)")
    report("discarded=\(statistics.framesDiscarded)")
    report("refusal=\(statistics.importRefusal?.description ?? "none")")
    report("fallback=\(statistics.fallback?.description ?? "none")")
    report("descriptors=\(openDescriptors())")
  }
} catch {
  report("error=\(error)")
  exit(1)
}
