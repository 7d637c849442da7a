// SPDX-License-Identifier: Apache-2.0

public import Attachment
import BootScreen
import BridgeClient
import BridgeProtocol
import GuestControl
public import LinuxSystem
public import MonitorEDID
public import VGPUDisplay

/// A screen of a guest: its frames, who shows them, and its size where that can be asked for.
public protocol GuestScreen: FrameSource, Sendable {
  /// The render node of the GPU that draws it; `nil` where nobody knows.
  var renderNode: String? { get }

  /// The process that has the screen, such as the guest's QEMU; `nil` while there is none, and where
  /// nobody knows.
  var process: RunningProcess? { get }

  /// Who can be asked for another size of the screen; `nil` where nobody can.
  var sizing: (any ScreenSizing)? { get }

  /// Called when another process has the screen than before, on the thread that polls.
  var onProcess: (@Sendable (RunningProcess?) -> Void)? { get set }
}

/// The size of a guest's screen, for whoever wants another.
public protocol ScreenSizing: AnyObject, Sendable {
  /// For which sizes the guest can be asked, in pixels; `nil` while it cannot be.
  var monitorLimits: MonitorLimits? { get }

  /// Why the guest did not get the monitor that was asked for; `nil` when it did.
  var monitorProblem: AttachmentError? { get }

  /// Gives the guest another monitor.
  ///
  /// - Parameters:
  ///   - edid: one block of 128 bytes.
  ///   - size: the mode that it prefers, in pixels.
  /// - Throws: `AttachmentError.noMonitor`, `.monitorTooLarge`, `.vfio`.
  func plugIn(edid: [UInt8], size: (width: Int, height: Int)) throws(AttachmentError)
}

extension ScreenSizing {
  /// Gives the guest the monitor that comes nearest to a wish, such as a window's size: as near as an
  /// EDID and `monitorLimits` let it. While there are no limits it does nothing.
  ///
  /// - Parameters:
  ///   - size: in pixels. Odd sides become even, because guests subsample their screens' chroma by two.
  ///   - refreshRate: in Hz; `nil` for 60.
  /// - Throws: `MonitorRefusal`.
  public func plugIn(
    nearestTo size: (width: Int, height: Int), refreshRate: Double?
  ) throws(MonitorRefusal) {
    guard let limits = monitorLimits else { return }
    let mode = DisplayMode(
      width: min(size.width - size.width % 2, limits.width ?? .max),
      height: min(size.height - size.height % 2, limits.height ?? .max),
      refreshRate: refreshRate ?? 60)
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

/// Why a guest keeps the monitor that it has.
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

extension AttachedSource: GuestScreen, ScreenSizing {
  /// The source itself: the device's EDID region, or the bridge.
  public var sizing: (any ScreenSizing)? { self }
}

/// A provider of a guest's screen.
protocol ScreenProvider: Provider {
  /// Opens the screen.
  ///
  /// - Parameters:
  ///   - waiting: whether a guest that is not there yet is waited for.
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
    case (.demo, _), (.bridge, _): .otherTarget(facts.target, needs: .localGuest)
    case (_, .failure(let error)?): .attachment(error)
    case (_, .success(let device)?) where device.transport == nil:
      .attachment(.noDisplay(pid: device.process.pid, descriptors: []))
    case (_, _): nil
    }
  }
}

/// A picture that a bridge hands over.
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

/// A test pattern, of no guest at all.
struct SyntheticScreen: ScreenProvider {
  let id = "synthetic"
  let title = "the synthetic guest"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    facts.target == .demo ? nil : .otherTarget(facts.target, needs: .demo)
  }
}

/// A provider of the firmware's screen.
protocol BootScreenProvider: Provider {
  /// The frames of a screen, and before its first the firmware's.
  func frames(of screen: any GuestScreen, _ control: GuestController) -> sending any FrameSource
}

/// QEMU's own screen, taken by QMP while the vGPU shows nothing.
struct ScreendumpBootScreen: BootScreenProvider {
  let id = "screendump"
  let title = "QEMU's own screen, by QMP (screendump)"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    let control = facts.choice(among: Providers.controls)
    guard control.chosen == nil else { return nil }
    return facts.target == .demo ? control.refusal : .noQMP
  }

  func frames(of screen: any GuestScreen, _ control: GuestController) -> sending any FrameSource {
    BootScreenSource(wrapping: screen, control)
  }
}

/// A provider of a screen's size.
protocol SizeProvider: Provider {
  /// Who is asked for another size of a screen.
  func sizing(of screen: any GuestScreen) -> (any ScreenSizing)?
}

extension SizeProvider {
  func sizing(of screen: any GuestScreen) -> (any ScreenSizing)? { screen.sizing }
}

/// A monitor of the vGPU's driver, exchanged for another.
struct EDIDRegion: SizeProvider {
  let id = "edid"
  let title = "VFIO's EDID region"

  func obstacle(_ facts: GuestFacts) -> Obstacle? {
    if let obstacle = VFIOScreen().obstacle(facts) { return obstacle }
    guard case .success(let device)? = facts.device, device.monitor == nil else { return nil }
    return .attachment(.noMonitor("\(facts.target)"))
  }
}

/// A bridge that passes a size on.
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
