// SPDX-License-Identifier: Apache-2.0

#if GIO
  import BootScreen
  import GuestControl
  import GuestInput
  import LinuxSystem
  import QEMUDisplay
  import Synchronization
  import VGPUDisplay

  /// Keyboard, pointer and firmware's screen of a vGPU's guest whose QEMU comes after the viewer. Each QEMU is
  /// asked anew: one with a display on D-Bus has them by that, and its QMP socket, which serves one client,
  /// stays free; any other has them over QMP.
  final class FollowedConsole: InputSink, BootScreen {
    private let guest: Guest
    private let control: GuestController
    private let news = Broadcast<Void>()
    private let current = Mutex(Current())
    /// Passes on what the control tells.
    private let relay: Task<Void, Never>

    private struct Current {
      var console: ConsoleScreen?
      /// Passes on what the console's input tells.
      var relay: Task<Void, Never>?
      var choice: Task<Void, Never>?
      /// Counts the processes, so that a late choice is not another one's.
      var turn = 0
    }

    /// The pause before a QEMU is asked again that does not answer yet.
    private static let pause = Duration.seconds(1)

    /// Follows the guest that a screen shows from process to process, in place of the control.
    ///
    /// - Parameters:
    ///   - control: the guest's QMP, for QEMUs without such a display.
    ///   - isKnown: whether it is known of the process that has the vGPU now, if any, that it has no console
    ///     on D-Bus.
    init(
      of guest: Guest, _ control: GuestController, showing screen: any GuestScreen, isKnown: Bool
    ) {
      self.guest = guest
      self.control = control
      relay = Self.relay(control, to: news)
      screen.onProcess = { [self] in follow($0) }
      if !isKnown, let process = screen.process { follow(process) }
    }

    deinit {
      relay.cancel()
      let current = current.withLock(\.self)
      current.choice?.cancel()
      current.relay?.cancel()
      news.finish()
    }

    private static func relay(
      _ sink: any InputSink, to news: Broadcast<Void>
    ) -> Task<Void, Never> {
      let changes = sink.changes()
      return Task.detached { for await _ in changes { news.tell() } }
    }

    /// The console of the guest's QEMU; `nil` while there is none.
    var console: ConsoleScreen? { current.withLock(\.console) }

    /// Does not block: it is called while the vGPU's source is polled.
    private func follow(_ process: RunningProcess?) {
      let (turn, old) = current.withLock { current in
        let old = current
        current = Current(turn: old.turn + 1)
        return (current.turn, old)
      }
      old.choice?.cancel()
      old.relay?.cancel()
      // The console ends after the lock is free.
      withExtendedLifetime(old) { news.tell() }
      guard let process else { return control.follow(endpoint(of: nil)) }
      let choice = Task.detached { [weak self] in
        guard await Self.hasDisplay(process) else { return self?.useQMP(of: process, turn) ?? () }
        while let console = self?.begin(process, turn) {
          do throws(QEMUDisplayError) {
            return try await console.source.firstConnection()
          } catch {
            self?.use(nil, turn)
            switch error {
            // A QEMU may have a display, and no device that draws on it.
            case .noConsole, .noDisplay, .notPeerToPeer:
              return self?.useQMP(of: process, turn) ?? ()
            default: try? await Task.sleep(for: Self.pause)
            }
          }
        }
      }
      current.withLock { current in
        if current.turn == turn { current.choice = choice } else { choice.cancel() }
      }
    }

    /// Whether a QEMU's command line says that it has such a display.
    private static func hasDisplay(_ process: RunningProcess) async -> Bool {
      let has = try? await onThread(
        for: "process \(process.pid)", failing: QEMUDisplayError.system
      ) { () throws(QEMUDisplayError) in
        (try? QMPSockets(of: process))?.takesDisplayClients == true
      }
      return has == true
    }

    /// Begins to connect to the display.
    ///
    /// - Returns: `nil` when the guest has another process now, or none.
    private func begin(_ process: RunningProcess, _ turn: Int) -> ConsoleScreen? {
      guard isCurrent(turn), !process.hasEnded else { return nil }
      // Its connection to QMP would be in the way.
      control.follow(nil)
      guard let console = try? ConsoleScreen(of: guest, process: process) else {
        useQMP(of: process, turn)
        return nil
      }
      return use(console, turn) ? console : nil
    }

    private func isCurrent(_ turn: Int) -> Bool { current.withLock { $0.turn == turn } }

    @discardableResult
    private func use(_ console: ConsoleScreen?, _ turn: Int) -> Bool {
      let relay = console.map { Self.relay($0.source.input, to: news) }
      let (isCurrent, old) = current.withLock { current -> (Bool, Current?) in
        guard current.turn == turn else { return (false, nil) }
        defer { (current.console, current.relay) = (console, relay) }
        return (true, current)
      }
      (isCurrent ? old?.relay : relay)?.cancel()
      news.tell()
      return isCurrent
    }

    private func useQMP(of process: RunningProcess, _ turn: Int) {
      if isCurrent(turn) { control.follow(endpoint(of: process)) }
    }

    private func endpoint(of process: RunningProcess?) -> QMPEndpoint? {
      guest.qmpSocket.map { .socket($0) } ?? process.map { .process($0) }
    }

    // MARK: Input

    private var receiver: any InputSink { console?.source.input ?? control }

    func send(_ event: GuestInputEvent) -> InputReceipt { receiver.send(event) }

    func releaseAll() { receiver.releaseAll() }

    var state: GuestInputState { receiver.state }

    func changes() -> AsyncStream<Void> { news.stream() }

    // MARK: The firmware's screen

    var input: (any InputSink)? { self }
    var isTakenOver: Bool { console?.isTakenOver == true }
    func takeBack() { console?.takeBack() }

    func frames(with screen: any GuestScreen) -> sending any FrameSource {
      BootScreenSource(wrapping: screen, showing: Firmware(self, control))
    }

    /// The firmware's pictures, from wherever they come now.
    private final class Firmware: FrameSource {
      let name = "firmware"
      let counters = SourceCounters()
      let holdsDevice = false
      private let followed: FollowedConsole
      private let dumps: ScreendumpSource
      private var shown: ObjectIdentifier?
      private var isOther = true
      private var flips: UInt64 = 0
      /// What is added to a source's flips, so that this source's only grow.
      private var offset: UInt64 = 0

      init(_ followed: FollowedConsole, _ control: GuestController) {
        self.followed = followed
        dumps = ScreendumpSource(control)
      }

      func poll() -> DisplayState {
        let console = followed.console
        let now = console.map { ObjectIdentifier($0) }
        let isNew = now != shown
        if isNew {
          dumps.pause()
          shown = now
          isOther = true
        }
        let state = console?.poll() ?? dumps.poll()
        guard case .frame(let frame) = state else { return state }
        if isNew || frame.flip &+ offset < flips { offset = flips &+ 1 &- frame.flip }
        flips = frame.flip &+ offset
        return .frame(
          Frame(
            primary: frame.primary, cursor: frame.cursor, flip: flips,
            detectedAt: frame.detectedAt, revision: frame.revision))
      }

      func takeDamage() -> Damage? {
        let damage = followed.console.map { $0.takeDamage() } ?? dumps.takeDamage()
        defer { isOther = false }
        return isOther ? nil : damage
      }

      func pause() {
        dumps.pause()
        followed.console?.pause()
      }
    }
  }
#endif
