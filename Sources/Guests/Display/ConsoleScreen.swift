// SPDX-License-Identifier: Apache-2.0

#if GIO
  import Attachment
  import GuestControl
  import GuestInput
  import Libvirt
  import LinuxSystem
  import MonitorEDID
  import QEMUDisplay
  import Synchronization
  import VGPUDisplay

  /// A screen that QEMU itself shows: a console of its display on D-Bus.
  final class ConsoleScreen: GuestScreen {
    let source: QEMUDisplaySource
    private let monitor: ConsoleMonitor
    let heads: (any ScreenHeads)?
    private let state: Mutex<State>

    private struct State {
      let process: RunningProcess?
      var onProcess: (@Sendable (RunningProcess?) -> Void)?
    }

    /// Begins to connect to a guest's display.
    ///
    /// - Throws: `QEMUDisplayError.system`.
    convenience init(of guest: Guest, process: RunningProcess?) throws(QEMUDisplayError) {
      let client = QEMUDisplayClient(
        GuestDisplayConnector(guest: guest), guest: "\(guest.target)"
      ) { (try? guest.qmpEndpoint()).map { GuestController($0) } }
      try self.init(client, head: guest.head, process: process)
    }

    /// Shows a head by a client's connection.
    ///
    /// - Throws: `QEMUDisplayError.system`.
    init(
      _ client: QEMUDisplayClient, head: Int, process: RunningProcess?
    ) throws(QEMUDisplayError) {
      source = try QEMUDisplaySource(client, head: head)
      monitor = ConsoleMonitor(source)
      heads = ConsoleHeads(client, process: process)
      state = Mutex(State(process: process))
    }

    /// Waits until the first attempt to connect is over. Do not call it in a task.
    ///
    /// - Throws: `QEMUDisplayError`: why it failed.
    func waitForConnection() throws(QEMUDisplayError) {
      let source = source
      try waiting { () throws(QEMUDisplayError) in try await source.firstConnection() }
    }

    var name: String { source.name }
    var renderNode: String? { nil }
    var process: RunningProcess? { state.withLock(\.process).flatMap { $0.hasEnded ? nil : $0 } }
    var sizing: (any ScreenSizing)? { monitor }
    var input: (any InputSink)? { source.input }
    var sound: (any GuestSoundSource)? { DisplaySoundSource(client: source.client) }
    var isTakenOver: Bool { source.client.isTakenOver }
    func takeBack() { source.client.takeBack() }
    var counters: SourceCounters { source.counters }
    var eventDescriptor: Int32? { source.eventDescriptor }
    var holdsDevice: Bool { false }

    var onProcess: (@Sendable (RunningProcess?) -> Void)? {
      get { state.withLock(\.onProcess) }
      set { state.withLock { $0.onProcess = newValue } }
    }

    func poll() -> DisplayState { source.poll() }
    func takeDamage() -> Damage? { source.takeDamage() }
    func pause() { source.pause() }
  }

  /// The consoles of a display.
  private final class ConsoleHeads: ScreenHeads {
    private let client: QEMUDisplayClient
    private let process: RunningProcess?

    init(_ client: QEMUDisplayClient, process: RunningProcess?) {
      self.client = client
      self.process = process
    }

    var heads: [ScreenHead] { ScreenHead.all(of: client.consoles) }

    func follow(_ tell: (@Sendable ([ScreenHead]) -> Void)?) {
      guard let tell else {
        client.onConsoles = nil
        return
      }
      client.onConsoles = { tell(ScreenHead.all(of: $0)) }
    }

    func screen(of number: Int) throws(AttachmentError) -> any GuestScreen {
      do {
        return try ConsoleScreen(client, head: number, process: process)
      } catch {
        throw .screen(ScreenFailure(error))
      }
    }
  }

  extension ScreenHead {
    fileprivate static func all(of consoles: [DisplayConsole]) -> [ScreenHead] {
      consoles.enumerated().map { number, console in
        let size = PixelSize(width: Int(console.width), height: Int(console.height))
        return ScreenHead(
          number: number, device: console.label.isEmpty ? nil : console.label,
          address: console.device.isEmpty ? nil : console.device, output: Int(console.head),
          size: size.isEmpty ? nil : size)
      }
    }
  }

  /// The size of a console. QEMU gives its guest a monitor for it.
  private final class ConsoleMonitor: ScreenSizing {
    private let source: QEMUDisplaySource
    private let problem = Mutex<AttachmentError?>(nil)
    private let wishes = Mutex(Wishes())

    private struct Wish {
      let size: PixelSize
      let millimetres: (width: Int, height: Int)
    }

    private struct Wishes {
      var next: Wish?
      /// Whether a thread carries wishes out.
      var isBusy = false

      /// - Returns: `nil` when there is nothing left to do; nobody is busy then.
      mutating func take() -> Wish? {
        defer { next = nil }
        isBusy = next != nil
        return next
      }
    }

    init(_ source: QEMUDisplaySource) { self.source = source }

    var monitorLimits: MonitorLimits? {
      source.consoles.isEmpty ? nil : MonitorLimits(width: nil, height: nil)
    }

    var monitorProblem: AttachmentError? { problem.withLock(\.self) }

    func plugIn(edid: [UInt8], size: (width: Int, height: Int)) throws(AttachmentError) {
      // QEMU makes an EDID of its own, of the size in pixels and in millimetres.
      let physical = PhysicalSize(at96DPI: DisplayMode(width: size.width, height: size.height))
      let millimetres = (width: physical.width, height: physical.height)
      let size = PixelSize(width: size.width, height: size.height)
      let isDue = wishes.withLock { wishes in
        defer { wishes.isBusy = true }
        wishes.next = Wish(size: size, millimetres: millimetres)
        return !wishes.isBusy
      }
      if !isDue { return }
      do {
        // QEMU answers later, and a window's thread must not wait for it.
        try SystemThread.detach(for: source.name) { [self] in carryOut() }
      } catch {
        wishes.withLock { $0.isBusy = false }
        throw .screen(ScreenFailure(error))
      }
    }

    /// Asks for the last size that is wished for, until none is left.
    private func carryOut() {
      while let wish = wishes.withLock({ $0.take() }) {
        do throws(QEMUDisplayError) {
          try source.resize(to: wish.size, millimetres: wish.millimetres)
          problem.withLock { $0 = nil }
        } catch {
          problem.withLock { $0 = .screen(ScreenFailure(error)) }
        }
      }
    }
  }

  /// Attaches to the display of the QEMU that a guest has at that time.
  struct GuestDisplayConnector: DisplayConnector {
    let guest: Guest

    func connect() async throws(QEMUDisplayError) -> DisplayEnd {
      if guest.qmpSocket == nil, case .libvirt(let name, let daemon) = guest.target {
        return try await LibvirtDisplayConnector(name: name, uri: daemon?.uri).connect()
      }
      let name = "\(guest.target)"
      let endpoint: QMPEndpoint
      do {
        endpoint = try guest.qmpEndpoint()
      } catch {
        throw .connection(guest: name, reason: "\(error)")
      }
      return try await QMPDisplayConnector(endpoint, guest: name).connect()
    }
  }

  /// Attaches to the display of a domain through libvirt, which keeps QEMU's monitor for itself.
  struct LibvirtDisplayConnector: DisplayConnector {
    let name: String
    let uri: String?

    func connect() async throws(QEMUDisplayError) -> DisplayEnd {
      let (name, uri) = (name, uri)
      let guest = "libvirt:\(name)"
      // libvirt's calls block.
      let (number, run, hasTouchScreen) = try await onThread(
        for: guest, failing: QEMUDisplayError.system
      ) {
        () throws(QEMUDisplayError) in
        do throws(LibvirtError) {
          let domain = try LibvirtDomain.openRunning(name: name, uri: uri)
          if let index = try domain.displayIndex() {
            let hasTouchScreen = try domain.hasTouchScreen()
            return (try domain.openGraphics(index).release(), domain.run, hasTouchScreen)
          }
        } catch {
          throw .connection(guest: guest, reason: "\(error)")
        }
        throw .noDisplay(guest: guest)
      }
      return DisplayEnd(
        OwnedFileDescriptor(owning: number),
        of: DisplayRun(askedEvery: .seconds(1)) {
          // libvirt notices QEMU's end a moment after the display's.
          try? await Task.sleep(for: .milliseconds(300))
          let now = try? await onThread(for: guest, failing: QEMUDisplayError.system) {
            () throws(QEMUDisplayError) in
            (try? LibvirtDomain.openRunning(name: name, uri: uri))?.run
          }
          return run == nil || now != run
        }, hasTouchScreen: hasTouchScreen)
    }
  }
#endif
