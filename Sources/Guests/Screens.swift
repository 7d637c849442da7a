// SPDX-License-Identifier: Apache-2.0

public import Attachment
import BootScreen
import BridgeClient
import BridgeProtocol
import GuestControl
public import GuestInput
import HostDevices
public import LinuxSystem
public import MonitorEDID
public import VGPUDisplay

/// A guest's screen: its frames, the process that shows them, and its size when another can be
/// asked for.
public protocol GuestScreen: FrameSource, Sendable {
  /// The render node of the GPU that draws the screen; `nil` when it is unknown.
  var renderNode: String? { get }

  /// The process that has the screen, such as the guest's QEMU; `nil` while there is none, and when
  /// it is unknown.
  var process: RunningProcess? { get }

  /// The object to ask for another size of the screen; `nil` when there is none.
  var sizing: (any ScreenSizing)? { get }

  /// Keyboard and pointer of the screen, when the screen's own provider has them; `nil` when another one
  /// has.
  var input: (any InputSink)? { get }

  /// Called when another process has the screen than before, on the thread that polls.
  var onProcess: (@Sendable (RunningProcess?) -> Void)? { get set }

  /// Whether another program has the screen now, and it can be taken back.
  var isTakenOver: Bool { get }

  /// Takes the screen back from another program, which loses it. Does nothing unless `isTakenOver`.
  func takeBack()

  /// The guest's sound, when the screen's own provider has it; `nil` when it has not.
  var sound: (any GuestSoundSource)? { get }

  /// All heads of the guest, this screen's among them; `nil` when the provider shows one picture only.
  var heads: (any ScreenHeads)? { get }
}

/// The heads of a guest: its pictures, which share one connection.
public protocol ScreenHeads: AnyObject, Sendable {
  /// The heads, by their numbers; empty while there is no connection.
  var heads: [ScreenHead] { get }

  /// Has a function called when the guest may have other heads than before, on any thread. Only the last
  /// function is called, and `nil` ends that. The connection keeps what the function captures.
  func follow(_ tell: (@Sendable ([ScreenHead]) -> Void)?)

  /// Opens the screen of one head. It shows the head's picture whenever the guest has that head.
  ///
  /// - Throws: `AttachmentError` when this process may have no more descriptors.
  func screen(of number: Int) throws(AttachmentError) -> any GuestScreen
}

/// A head of a guest: one output of one display device.
public struct ScreenHead: Hashable, Sendable {
  /// Its number among all heads of the guest, from 0.
  public let number: Int
  /// The device's name, as the provider says it; `nil` when it does not.
  public let device: String?
  /// The device's place in the guest, such as `pci/0000/02.0`; `nil` when it is unknown.
  public let address: String?
  /// The number of the device's output, from 0. A guest draws on the further ones when they have a
  /// monitor.
  public let output: Int
  /// The picture's size; `nil` while there is no picture.
  public let size: PixelSize?
}

/// The size of a guest's screen, to be changed.
public protocol ScreenSizing: AnyObject, Sendable {
  /// The sizes for which the guest can be asked, in pixels; `nil` while it cannot be asked.
  var monitorLimits: MonitorLimits? { get }

  /// Whether the guest can be asked this way: `false` when it never can, such as a vGPU whose driver has no
  /// EDID region; `nil` while that is not known.
  var takesMonitors: Bool? { get }

  /// Why the guest did not get the monitor of the last `plugIn`; `nil` when it did.
  var monitorProblem: AttachmentError? { get }

  /// Gives the guest another monitor.
  ///
  /// - Parameters:
  ///   - edid: one block of 128 bytes.
  ///   - size: the preferred mode of the EDID, in pixels.
  /// - Throws: `AttachmentError.noMonitor`, `.monitorTooLarge`, `.vfio`.
  func plugIn(edid: [UInt8], size: (width: Int, height: Int)) throws(AttachmentError)
}

extension ScreenSizing {
  /// `true` when there are limits, else not known.
  public var takesMonitors: Bool? { monitorLimits == nil ? nil : true }

  /// Gives the guest the monitor that comes nearest to a wish, such as a window's size, within what
  /// an EDID and `monitorLimits` allow. Does nothing while there are no limits.
  ///
  /// - Parameters:
  ///   - size: in pixels. Odd sides become even, because guests subsample their screens' chroma by two.
  ///   - refreshRate: in Hz; `nil` for 60.
  /// - Throws: `MonitorRefusal`.
  public func plugIn(
    nearestTo size: (width: Int, height: Int), refreshRate: Double?
  ) throws(MonitorRefusal) {
    guard let limits = monitorLimits else { return }
    func even(_ side: Int, atMost most: Int?) -> Int {
      let side = min(side, most ?? .max)
      return side - side % 2
    }
    let mode = DisplayMode(
      width: even(size.width, atMost: limits.width),
      height: even(size.height, atMost: limits.height), refreshRate: refreshRate ?? 60)
    let (edid, carried): (EDID, DisplayMode)
    do {
      (edid, carried) = try EDID.nearest(to: mode)
    } catch {
      throw .edid(error)
    }
    do {
      try plugIn(edid: edid.bytes, size: (carried.width, carried.height))
    } catch {
      throw .attachment(error)
    }
  }
}

/// Why a guest keeps its monitor.
@nonexhaustive
public enum MonitorRefusal: Error, Sendable, CustomStringConvertible {
  /// No EDID has such a mode.
  case edid(EDIDError)
  /// The guest's monitor cannot be exchanged for it.
  case attachment(AttachmentError)

  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .edid(let error): error.description
    case .attachment(let error): error.description
    }
  }
}

extension GuestScreen {
  /// `nil`: another provider has keyboard and pointer.
  public var input: (any InputSink)? { nil }
  /// `false`: several programs may have the screen.
  public var isTakenOver: Bool { false }
  /// Does nothing.
  public func takeBack() {}
  /// `nil`: there is one picture.
  public var heads: (any ScreenHeads)? { nil }
}

extension GuestScreen {
  /// The newest frame a moment after the first one. QEMU sends a new viewer what it drew last, and draws a
  /// VGA's screen only while somebody looks, every 30 ms: the first picture may be of another mode.
  ///
  /// - Parameter first: the first frame. It is returned at once for a screen that is asked, such as a vGPU's.
  package func settled(_ first: Frame) -> Frame {
    guard eventDescriptor != nil else { return first }
    var frame = first
    let start = MonotonicInstant.now
    while start.duration(to: .now) < .milliseconds(100) {
      SystemThread.sleep(for: .milliseconds(10))
      if case .frame(let newer) = poll() { frame = newer }
    }
    return frame
  }
}

extension AttachedSource: GuestScreen, ScreenSizing {
  /// The source itself: the device's EDID region, or the bridge.
  public var sizing: (any ScreenSizing)? { self }
}

/// A provider of a guest's screen.
protocol ScreenProvider: Provider {
  /// Opens the screen.
  ///
  /// - Parameters:
  ///   - waiting: `true` to wait for a guest that does not exist yet.
  ///   - controlsSize: whether another size will be asked for.
  func open(
    _ guest: Guest, waiting: Bool, controlsSize: Bool
  ) throws(AttachmentError) -> any GuestScreen
}

extension ScreenProvider {
  func open(
    _ guest: Guest, waiting: Bool, controlsSize: Bool
  ) throws(AttachmentError) -> any GuestScreen {
    try AttachedSource(
      guest.target, descriptor: guest.descriptor, waiting: waiting, controlsMonitor: controlsSize,
      host: guest.host)
  }
}

/// The vGPU's own picture, at the monitor's rate.
struct VFIOScreen: ScreenProvider {
  let id = "vfio"
  let title = "VFIO plane, by a duplicate of the process's descriptor"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    switch (facts.target, facts.device) {
    case (.demo, _), (.bridge, _), (.qmp, _): .otherTarget(facts.target, needs: .localGuest)
    case (_, .failure(let error)?): .attachment(error)
    case (_, .success(let device)?) where device.transport == nil:
      .attachment(Self.noDisplay(device))
    case (_, _): nil
    }
  }

  private static func noDisplay(_ device: DeviceReport) -> AttachmentError {
    guard case .pci(let vGPU)? = device.identity else {
      return .noDisplay(pid: device.process.pid, descriptors: [])
    }
    return .function(vGPU.address, .noDisplay(driver: vGPU.function.driver))
  }
}

/// A picture that a bridge sends.
struct BridgeScreen: ScreenProvider {
  let id = "bridge"
  let title = "VFIO plane, by a bridge"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    guard case .bridge(let path, let wanted) = facts.target else {
      return .otherTarget(facts.target, needs: .bridge)
    }
    guard let shown = facts.bridge?.vGPUs else { return nil }
    if wanted == .only, shown.count > 1 {
      return .severalOnBridge(path: path, shown.map { "\($0.identifier)" })
    }
    let isShown = wanted == .only ? !shown.isEmpty : shown.contains { $0.identifier == wanted }
    return isShown ? nil : .notOnBridge(path: path)
  }
}

/// A vGPU that may not be looked at, as the machine's own bridge shows it. `AttachedSource` goes this way by
/// itself.
struct MachineBridgeScreen: ScreenProvider {
  let id = "machine-bridge"
  let title = "VFIO plane, by the machine's bridge"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    switch Self.shown(facts) {
    case .success: nil
    case .failure(let obstacle): obstacle
    }
  }

  /// The vGPU as that bridge lists it; `nil` when nobody has asked.
  static func shown(_ facts: GuestFacts) -> Result<ListedVGPU?, Obstacle> {
    switch facts.target {
    case .mdev, .libvirt: break
    case .demo, .bridge, .qmp, .process, .pci:
      return .failure(.otherTarget(facts.target, needs: .localGuest))
    }
    guard facts.isLookedAt else { return .success(nil) }
    guard let (bridge, listing) = facts.machineBridge else {
      return .failure(.otherTarget(facts.target, needs: .localGuest))
    }
    switch listing {
    case nil: return .failure(.noMachineBridge(bridge.advice))
    case .failure(let error)?: return .failure(.attachment(.bridge(error)))
    case .success(let listing)?:
      let wanted = facts.vGPUs.map(\.uuid)
      guard let shown = listing.vGPUs.first(where: { wanted.contains($0.identifier) }) else {
        return .failure(.notOnBridge(path: bridge.path))
      }
      return .success(shown)
    }
  }
}

/// A test pattern that belongs to no guest.
struct SyntheticScreen: ScreenProvider {
  let id = "synthetic"
  let title = "the synthetic guest"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    facts.target == .demo ? nil : .otherTarget(facts.target, needs: .demo)
  }
}

/// A provider of the firmware's screen.
protocol BootScreenProvider: Provider {
  /// Whether it works without QMP, and brings keyboard and pointer with it.
  var needsNoControl: Bool { get }

  /// Begins to show the firmware's screen of a guest.
  ///
  /// - Parameter control: how the guest takes commands, if it does.
  /// - Returns: `nil` when there is no way to it after all.
  func open(_ guest: Guest, _ control: GuestController?) -> (any BootScreen)?
}

/// The firmware's screen of a guest.
protocol BootScreen: Sendable {
  /// The frames of a screen, and the firmware's frames while the screen has none.
  func frames(with screen: any GuestScreen) -> sending any FrameSource

  /// Keyboard and pointer that come with it; `nil` when another provider has them.
  var input: (any InputSink)? { get }

  /// The guest's sound that comes with it; `nil` when none does.
  var sound: (any GuestSoundSource)? { get }

  /// Whether another program has it now, and it can be taken back.
  var isTakenOver: Bool { get }

  /// Takes it back from another program. Does nothing unless `isTakenOver`.
  func takeBack()
}

/// QEMU's own screen, read through QMP while the vGPU shows nothing.
struct ScreendumpBootScreen: BootScreenProvider {
  let id = "screendump"
  let title = "QEMU's own screen, by QMP (screendump)"
  let needsNoControl = false

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    let control = facts.choice(among: Providers.controls)
    guard control.chosen == nil else { return nil }
    return facts.target == .demo ? control.refusal : .noQMP
  }

  func open(_ guest: Guest, _ control: GuestController?) -> (any BootScreen)? {
    control.map(Dumps.init)
  }

  private struct Dumps: BootScreen {
    let control: GuestController
    var input: (any InputSink)? { nil }
    var isTakenOver: Bool { false }
    func takeBack() {}

    func frames(with screen: any GuestScreen) -> sending any FrameSource {
      BootScreenSource(wrapping: screen, control)
    }
  }
}

/// A provider of a screen's size.
protocol SizeProvider: Provider {
  /// The object to ask for another size of a screen; `nil` when a window asks the guest's agent itself.
  func sizing(of screen: any GuestScreen) -> (any ScreenSizing)?
}

extension SizeProvider {
  func sizing(of screen: any GuestScreen) -> (any ScreenSizing)? { screen.sizing }
}

/// A monitor of the vGPU's driver, which can be exchanged for another.
struct EDIDRegion: SizeProvider {
  let id = "edid"
  let title = "VFIO's EDID region"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    if let obstacle = VFIOScreen().obstacle(facts) { return obstacle }
    guard case .success(let device)? = facts.device, device.monitor == nil else { return nil }
    return .attachment(.noMonitor("\(facts.target)"))
  }
}

/// A bridge that forwards a size.
struct BridgeSize: SizeProvider {
  let id = "bridge"
  let title = "the bridge"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    if let obstacle = BridgeScreen().obstacle(facts) { return obstacle }
    guard case .bridge(let path, let wanted) = facts.target, let listing = facts.bridge else {
      return nil
    }
    let shown = listing.vGPUs.first { wanted == .only || $0.identifier == wanted }
    return shown?.canResize == false ? .bridgeKeepsSize(path: path) : nil
  }
}

/// The machine's bridge, when it forwards a size.
struct MachineBridgeSize: SizeProvider {
  let id = "machine-bridge"
  let title = "the machine's bridge"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    switch MachineBridgeScreen.shown(facts) {
    case .failure(let obstacle): return obstacle
    case .success(let shown):
      guard let shown, !shown.canResize, let bridge = facts.machineBridge?.bridge else {
        return nil
      }
      return .bridgeKeepsSize(path: bridge.path)
    }
  }
}

/// Monitors that the guest's agent sets up. Whoever has the agent's port asks it (`AgentClient.setMonitors`):
/// the port serves one program at a time.
struct AgentSize: SizeProvider {
  let id = "agent"
  let title = "the guest's agent (monitors)"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    let agent = facts.choice(among: Providers.agents)
    if agent.chosen != nil { return nil }
    // The clipboard's row tells where a target says nothing of an agent.
    if let refusal = agent.refusal, case .agentUnknown = refusal { return .noAgentNamed }
    return agent.refusal ?? .noAgentNamed
  }

  func sizing(of screen: any GuestScreen) -> (any ScreenSizing)? { nil }
}
