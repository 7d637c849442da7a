// SPDX-License-Identifier: Apache-2.0

public import Attachment
public import GuestControl
public import HostDevices
public import VGPUDisplay

/// A guest as a user names it, and the functions that it offers: its screen, keyboard and pointer, its
/// screen's size, power, hot-plug.
///
/// Each function has a table of providers, best first, and a guest gets the first that serves it. Who
/// uses a function never asks which provider that is.
public struct Guest: Sendable {
  /// What it is named by.
  public let target: Target
  /// The number of the device's descriptor, where the process holds several.
  public let descriptor: Int32?
  /// Where its QEMU serves QMP, where the user names that.
  public let qmpSocket: String?
  let host: HostHardware

  /// Names a guest; nothing is looked for yet.
  ///
  /// - Parameters:
  ///   - target: what it is named by.
  ///   - descriptor: the number of the device's descriptor, where the process holds several.
  ///   - qmpSocket: where its QEMU serves QMP, where that cannot be found.
  ///   - host: whose vGPUs and processes, for tests.
  public init(
    _ target: Target, descriptor: Int32? = nil, qmpSocket: String? = nil,
    host: HostHardware = HostHardware()
  ) {
    self.target = target
    self.descriptor = descriptor
    self.qmpSocket = qmpSocket
    self.host = host
  }

  private var named: GuestFacts { GuestFacts(target, namedSocket: qmpSocket) }

  /// Looks at what the guest is and where its parts are, without disturbing it; `GuestFacts.offers` then
  /// has each function's provider. Blocks as long as libvirt or a bridge takes to answer.
  ///
  /// - Throws: `AttachmentError` where there is no such vGPU, process, domain or bridge.
  public func look() throws(AttachmentError) -> GuestFacts {
    var facts = named
    try facts.look(descriptor: descriptor, on: host)
    return facts
  }

  /// Opens the guest's screen, and what else is wanted of it.
  ///
  /// - Parameters:
  ///   - waiting: whether a guest that is not there yet is waited for instead of being an error.
  ///   - controlsSize: whether another size of the screen will be asked for; else nothing of the device
  ///     is ever written.
  ///   - isTold: whether the guest is told of keys, pointer and power, where a way is known.
  /// - Throws: `AttachmentError` when the guest's screen cannot be looked at now.
  public func open(
    waiting: Bool = false, controlsSize: Bool = false, isTold: Bool = false
  ) throws(AttachmentError) -> OpenGuest {
    guard let provider = named.choice(among: Providers.screens).chosen else {
      throw .noScreen("\(target)")
    }
    return open(
      showing: try provider.open(self, waiting: waiting, controlsSize: controlsSize),
      controlsSize: controlsSize, isTold: isTold)
  }

  /// Opens what else is wanted of a guest whose screen is open already, such as one that was just
  /// started.
  ///
  /// - Parameters:
  ///   - screen: the guest's.
  ///   - controlsSize: whether another size of the screen will be asked for.
  ///   - isTold: whether the guest is told of keys, pointer and power, where a way is known.
  public func open(
    showing screen: any GuestScreen, controlsSize: Bool = false, isTold: Bool = false
  ) -> OpenGuest {
    let facts = named
    return OpenGuest(
      screen,
      size: controlsSize ? facts.choice(among: Providers.sizes).chosen?.sizing(of: screen) : nil,
      control: isTold
        ? try? facts.choice(among: Providers.controls).chosen?.control(of: self, showing: screen)
        : nil,
      bootScreen: facts.choice(among: Providers.bootScreens).chosen)
  }

  /// Where the guest takes commands, for a few of them.
  ///
  /// - Throws: `Obstacle`: why nowhere.
  public func qmpEndpoint() throws(Obstacle) -> QMPEndpoint {
    let choice = named.choice(among: Providers.controls)
    guard let provider = choice.chosen else { throw choice.refusal ?? .noQMP }
    return try provider.endpoint(of: self)
  }
}

/// A guest that is looked at: its functions, each by the provider that was chosen for it.
public final class OpenGuest: Sendable {
  /// The guest's screen, as it was opened.
  public let screen: any GuestScreen
  /// The screen's size; `nil` where nobody asks for another.
  public let size: (any ScreenSizing)?
  /// Its keyboard, pointer and power; `nil` where the guest is only looked at.
  public let control: GuestController?
  private let bootScreen: (any BootScreenProvider)?

  init(
    _ screen: any GuestScreen, size: (any ScreenSizing)?, control: GuestController?,
    bootScreen: (any BootScreenProvider)?
  ) {
    self.screen = screen
    self.size = size
    self.control = control
    self.bootScreen = bootScreen
  }

  /// The frames to show: the guest's screen, and before its driver has one the firmware's, where QEMU
  /// can be told to give it. To be made once.
  public func makeFrameSource() -> sending any FrameSource {
    guard let control, let bootScreen else { return screen }
    return bootScreen.frames(of: screen, control)
  }
}
