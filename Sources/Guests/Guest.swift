// SPDX-License-Identifier: Apache-2.0

public import Attachment
public import GuestControl
public import GuestInput
public import HostDevices
import Libvirt
import LinuxSystem
public import VGPUDisplay

/// A guest as a user names it, and its functions: its screen, keyboard and pointer, its screen's
/// size, clipboard, files, power, hot-plug.
///
/// Each function has a table of providers, best first, and a guest gets the first provider that
/// serves it. Code that uses a function never asks which provider that is.
public struct Guest: Sendable {
  /// The target by which the user names it.
  public let target: Target
  /// The number of the device's descriptor, for a process that holds several.
  public let descriptor: Int32?
  /// Which of the screens that QEMU shows, from 0.
  public let head: Int
  /// The path of its QEMU's QMP socket, when the user names it.
  public let qmpSocket: String?
  /// The path of the Unix socket that leads to the port of its agent, when the user names it.
  public let agentSocket: String?
  let host: HostHardware
  /// Whether the machine's bridge may be asked about a guest that may not be looked into. A bridge must not
  /// ask itself.
  package var asksBridge = true

  /// Names a guest; nothing is looked for yet.
  ///
  /// - Parameters:
  ///   - target: the target by which the user names it.
  ///   - descriptor: the number of the device's descriptor, for a process that holds several.
  ///   - head: which of the screens that QEMU shows, from 0.
  ///   - qmpSocket: the path of its QEMU's QMP socket, when it cannot be found.
  ///   - agentSocket: the path of the socket to its agent's port, when it cannot be found.
  ///   - host: the vGPUs and processes to look at, for tests.
  public init(
    _ target: Target, descriptor: Int32? = nil, head: Int = 0, qmpSocket: String? = nil,
    agentSocket: String? = nil, host: HostHardware = HostHardware()
  ) {
    self.target = target
    self.descriptor = descriptor
    self.head = head
    // Such a target names the socket.
    self.qmpSocket = if qmpSocket == nil, case .qmp(let path) = target { path } else { qmpSocket }
    self.agentSocket = agentSocket
    self.host = host
  }

  var named: GuestFacts {
    GuestFacts(target, namedSocket: qmpSocket, namedAgent: agentSocket)
  }

  /// Finds out what the guest is and where its parts are, without disturbing it.
  /// `GuestFacts.offers` then has each function's provider. Blocks until libvirt or a bridge
  /// answers.
  ///
  /// - Throws: `AttachmentError` when there is no such vGPU, process, domain or bridge.
  public func look() throws(AttachmentError) -> GuestFacts {
    var facts = named
    try facts.look(descriptor: descriptor, asksBridge: asksBridge, on: host)
    return facts
  }

  /// Opens the guest's screen, and the other functions that are wanted.
  ///
  /// - Parameters:
  ///   - waiting: `true` to wait for a guest that does not exist yet, instead of throwing an error.
  ///   - controlsSize: whether another size of the screen will be asked for; with `false`, nothing
  ///     of the device is ever written.
  ///   - isTold: whether to send keys, pointer and power to the guest, when a way is known.
  ///   - isHeard: whether to connect for the guest's sound, when a way is known.
  /// - Throws: `AttachmentError` when the guest's screen cannot be looked at now.
  public func open(
    waiting: Bool = false, controlsSize: Bool = false, isTold: Bool = false, isHeard: Bool = false
  ) throws(AttachmentError) -> OpenGuest {
    let named = named
    let candidates = Providers.screens.filter { $0.obstacle(named) == nil }
    guard let first = candidates.first else { throw .noScreen("\(target)") }
    // Where the target's text leaves a choice, the guest is looked at. One that does not run yet gets the
    // best provider that its target allows.
    let choice = candidates.count > 1 ? (try? look())?.choice(among: candidates) : nil
    let better = choice?.vGPUObstacle
    // Waiting gives nobody rights.
    if let choice, choice.chosen == nil, better == nil,
      case .libvirt(let error)? = choice.refusal, case .noRights = error
    {
      throw .libvirt(error)
    }
    do throws(AttachmentError) {
      let provider = choice?.chosen ?? first
      return open(
        showing: try provider.open(self, waiting: waiting, controlsSize: controlsSize),
        controlsSize: controlsSize, isTold: isTold, isHeard: isHeard,
        better: choice?.chosen == nil ? nil : better)
    } catch {
      if choice?.chosen != nil, let better { throw better }
      throw error
    }
  }

  /// Opens the screen of a guest that was looked at, without another look.
  ///
  /// - Parameters:
  ///   - facts: what `look()` has found.
  ///   - waiting: as for `open(waiting:controlsSize:isTold:)`.
  ///   - controlsSize: as above.
  /// - Throws: `AttachmentError` when the guest's screen cannot be looked at now.
  public func openScreen(
    _ facts: GuestFacts, waiting: Bool = false, controlsSize: Bool = false
  ) throws(AttachmentError) -> any GuestScreen {
    let choice = facts.choice(among: Providers.screens)
    guard let provider = choice.chosen else {
      guard case .attachment(let error)? = choice.refusal else { throw .noScreen("\(target)") }
      throw error
    }
    return try provider.open(self, waiting: waiting, controlsSize: controlsSize)
  }

  /// Opens the other functions of a guest whose screen is open already, such as a guest that was
  /// just started.
  ///
  /// - Parameters:
  ///   - screen: the guest's screen.
  ///   - controlsSize: whether another size of the screen will be asked for.
  ///   - isTold: whether to send keys, pointer and power to the guest, when a way is known.
  ///   - isHeard: whether to connect for the guest's sound, when a way is known.
  public func open(
    showing screen: any GuestScreen, controlsSize: Bool = false, isTold: Bool = false,
    isHeard: Bool = false
  ) -> OpenGuest {
    open(
      showing: screen, controlsSize: controlsSize, isTold: isTold, isHeard: isHeard, better: nil)
  }

  private func open(
    showing screen: any GuestScreen, controlsSize: Bool, isTold: Bool, isHeard: Bool,
    better: AttachmentError?
  ) -> OpenGuest {
    let named = named
    // QEMU's display has keyboard and pointer too, and leaves QMP to others. Only a look tells whether it
    // is there; everything else is chosen by the target, because the guest may come later.
    let looked = (isTold || isHeard) && screen.input == nil ? try? look() : nil
    let console = (isTold ? looked : nil)?.choice(among: Providers.bootScreens).chosen.flatMap {
      $0.needsNoControl ? $0.open(self, nil) : nil
    }
    let input = screen.input ?? console?.input
    var control: GuestController?
    var obstacle: Obstacle?
    var followed: (any BootScreen)?
    if isTold, input == nil {
      do throws(Obstacle) {
        let qmp = try self.control(showing: screen)
        control = qmp
        #if GIO
          // Whoever runs the vGPU, now or later.
          if target.vGPU != nil {
            followed = FollowedConsole(
              of: self, qmp, showing: screen, isKnown: looked?.qmp != nil)
          }
        #endif
      } catch {
        obstacle = error
      }
    }
    return OpenGuest(
      screen,
      size: controlsSize ? named.choice(among: Providers.sizes).chosen?.sizing(of: screen) : nil,
      hasSizeByAgent: controlsSize && AgentSize().obstacle(named) == nil,
      input: isTold ? input ?? followed?.input ?? control : nil, control: control,
      controlObstacle: obstacle,
      vGPUObstacle: better,
      bootScreen: console ?? followed
        ?? control.flatMap { control in
          named.choice(among: Providers.bootScreens).chosen?.open(self, control)
        },
      ownSound: isHeard && screen.sound == nil && console?.sound == nil
        ? looked.flatMap(openSound) : nil)
  }

  /// Asks the guest for its heads, with their sizes. A guest that QEMU itself shows is asked as a viewer
  /// asks: another program that shows it loses the picture. Blocks, for some seconds at most.
  ///
  /// - Throws: `AttachmentError` when the guest's screen cannot be looked at now.
  public func heads() throws(AttachmentError) -> [ScreenHead] {
    let screen = try open().screen
    guard let heads = screen.heads else {
      return [
        ScreenHead(number: 0, device: nil, address: nil, output: 0, size: Self.size(of: screen))
      ]
    }
    // A size is told to whoever watches the picture.
    let screens = try heads.heads.map { (head) throws(AttachmentError) in
      (head, head.number == self.head ? screen : try heads.screen(of: head.number))
    }
    let start = MonotonicInstant.now
    return screens.map { head, screen in
      ScreenHead(
        number: head.number, device: head.device, address: head.address, output: head.output,
        size: Self.size(of: screen, since: start))
    }
  }

  /// The size of a screen's picture, which may come a little later: two seconds after `start` at most, so
  /// that several screens without a picture take no longer than one.
  private static func size(
    of screen: any GuestScreen, since start: MonotonicInstant = .now
  ) -> PixelSize? {
    repeat {
      if case .frame(let frame) = screen.poll() { return screen.settled(frame).primary.size }
      SystemThread.sleep(for: .milliseconds(20))
    } while start.duration(to: .now) < .seconds(2)
    return nil
  }

  /// Controls the guest that a screen shows, and follows the guest to its next process. A screen has
  /// one such follower, the last.
  ///
  /// - Throws: `Obstacle`: why there is no way to the guest.
  public func control(showing screen: any GuestScreen) throws(Obstacle) -> GuestController {
    try controlProvider().control(of: self, showing: screen)
  }

  /// The socket at which the guest takes commands, for a few commands.
  ///
  /// - Throws: `Obstacle`: why there is no such socket.
  public func qmpEndpoint() throws(Obstacle) -> QMPEndpoint {
    try controlProvider().endpoint(of: self)
  }

  private func controlProvider() throws(Obstacle) -> any ControlProvider {
    let choice = named.choice(among: Providers.controls)
    guard let provider = choice.chosen else { throw choice.refusal ?? .noQMP }
    return provider
  }
}

/// An open guest: its functions, each served by the chosen provider.
public final class OpenGuest: Sendable {
  /// The guest's screen, as it was opened.
  public let screen: any GuestScreen
  /// The screen's size; `nil` when nobody asks for another size, and when only the guest's agent can be asked.
  public let size: (any ScreenSizing)?
  /// Its keyboard and pointer; `nil` when the guest is only looked at, and when there is no way to them.
  public let input: (any InputSink)?
  /// Its QMP, when keyboard and pointer may go that way; `nil` when they go another way, because a QMP socket
  /// serves one client at a time. It lets go of QMP while the vGPU's QEMU has a display on D-Bus, also of one
  /// that started later. `Guest.control(showing:)` connects for power and hot-plug.
  public let control: GuestController?
  /// Why there is no `input` although it was asked for.
  public let controlObstacle: Obstacle?
  /// Why the screen is only what QEMU itself draws, such as the firmware's, although the guest has a vGPU;
  /// `nil` when it is the vGPU's, and for a guest without a vGPU.
  public let vGPUObstacle: AttachmentError?
  private let hasSizeByAgent: Bool
  private let bootScreen: (any BootScreen)?
  private let ownSound: (any GuestSoundSource)?

  init(
    _ screen: any GuestScreen, size: (any ScreenSizing)?, hasSizeByAgent: Bool,
    input: (any InputSink)?, control: GuestController?, controlObstacle: Obstacle?,
    vGPUObstacle: AttachmentError?,
    bootScreen: (any BootScreen)?, ownSound: (any GuestSoundSource)? = nil
  ) {
    self.ownSound = ownSound
    self.screen = screen
    self.size = size
    self.hasSizeByAgent = hasSizeByAgent
    self.input = input
    self.control = control
    self.controlObstacle = controlObstacle
    self.vGPUObstacle = vGPUObstacle
    self.bootScreen = bootScreen
  }

  /// Whether the guest's agent is now the one to ask for another size (`AgentClient.setMonitors`): a way to
  /// it is known, and no better provider serves this guest. A guest that comes back may have another one.
  public var isSizedByAgent: Bool {
    hasSizeByAgent && (size.map { $0.takesMonitors == false } ?? true)
  }

  /// Whether another program has what this guest offers here: its screen, or its firmware's screen and
  /// its input. QEMU's display on D-Bus has one client at a time.
  public var isTakenOver: Bool { screen.isTakenOver || bootScreen?.isTakenOver == true }

  /// What the guest plays and records; `nil` when no way is known, and when the guest is not heard.
  public var sound: (any GuestSoundSource)? { screen.sound ?? bootScreen?.sound ?? ownSound }

  /// Takes it back from the other program, which loses it, for all heads of the guest. Does nothing unless
  /// `isTakenOver`.
  public func takeBack() {
    screen.takeBack()
    bootScreen?.takeBack()
  }

  /// Ends the input, and returns when every key and button is up in the guest, or QEMU has not answered for
  /// two seconds. A program that ends without it may leave some pressed. Do not call it in a task.
  public func leave() {
    // QEMU's display lets go of them by itself when its client goes.
    guard let control else { return }
    waiting { await control.close() }
  }

  /// Makes the frames to show: the guest's screen, and the firmware's screen before the guest's
  /// driver shows one, when QEMU can provide it. Call this once.
  public func makeFrameSource() -> sending any FrameSource {
    guard screen.input == nil, let bootScreen else { return screen }
    return bootScreen.frames(with: screen)
  }
}

extension Choice where Candidate == any ScreenProvider {
  /// What keeps a better provider from a screen that is there.
  var vGPUObstacle: AttachmentError? {
    guard !(chosen is MachineBridgeScreen),
      case .attachment(let error)? = passedOver.first?.obstacle, !error.meansNoVGPU
    else { return nil }
    return error
  }
}

extension GuestFacts {
  /// Whether QEMU itself shows the guest's screen, by its display on D-Bus.
  public var isShownByQEMU: Bool {
    #if GIO
      choice(among: Providers.screens).chosen is DisplayScreen
    #else
      false
    #endif
  }

  /// Why the vGPU's screen cannot be looked at, although the guest has one; `nil` when it can, and for a
  /// guest without a vGPU.
  public var vGPUObstacle: AttachmentError? { choice(among: Providers.screens).vGPUObstacle }
}

extension AttachmentError {
  /// Whether there is no vGPU whose screen could be shown.
  fileprivate var meansNoVGPU: Bool {
    switch self {
    case .noDevice, .noDisplay, .noDisplayOfVGPUs, .libvirt(.noMediatedDevice),
      .libvirt(.onlyFunctions), .function(_, .noDisplay):
      true
    default: false
    }
  }
}
