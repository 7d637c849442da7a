// SPDX-License-Identifier: Apache-2.0

public import GuestControl
public import VGPUDisplay

/// A source that shows the firmware's screen until the guest's driver shows its own. A vGPU has no
/// picture before that, but QEMU has one when the guest also has a `ramfb` or a VGA card.
///
/// The firmware's pictures come from a second source, only while the vGPU shows nothing. When that one has
/// no picture either, this source returns the state of the vGPU's own source.
public final class BootScreenSource: FrameSource {
  private let source: any FrameSource
  private let firmware: any FrameSource
  /// Whether the guest's driver has shown a picture.
  private var hasShownFrame = false
  /// Whether the vGPU's own picture, or its reason for none, is shown.
  private var isResting = true
  /// The flip of the firmware's picture that is not shown: the one from the moment at which the guest's
  /// own driver took over.
  private var hiddenFlip: UInt64?
  /// Whose picture was shown last.
  private var shown: Choice?
  /// Whose picture the last damage was of.
  private var damaged: Choice?
  private var flips: UInt64 = 0
  /// What is added to a source's flips, so that this source's only grow.
  private var offset: UInt64 = 0

  private enum Choice { case own, firmware }

  /// Wraps a source of a guest's vGPU, and shows the firmware's pictures of another source.
  ///
  /// - Parameters:
  ///   - source: the vGPU's own pictures.
  ///   - firmware: the pictures of QEMU's own screen. It is paused (`FrameSource.pause()`) while the
  ///     vGPU shows something, or is not there.
  public init(wrapping source: any FrameSource, showing firmware: any FrameSource) {
    self.source = source
    self.firmware = firmware
  }

  /// Wraps a source of a guest's vGPU. The firmware's pictures come over QMP (`screendump`), five times a
  /// second.
  public convenience init(wrapping source: any FrameSource, _ control: GuestController) {
    self.init(wrapping: source, showing: ScreendumpSource(control))
  }

  /// The vGPU's name.
  public var name: String { source.name }

  /// The vGPU's counters.
  public var counters: SourceCounters { source.counters }

  /// The vGPU's descriptor, when its source reports changes; see `FrameSource`. `nil` while the
  /// firmware's pictures are shown or awaited, because two sources have to be asked then.
  public var eventDescriptor: Int32? { isResting ? source.eventDescriptor : nil }

  /// The parts of the shown picture that changed since the last call; see `FrameSource`. `nil` after a
  /// change from one kind of picture to the other.
  public func takeDamage() -> Damage? {
    let own = source.takeDamage()
    let damage = shown == .firmware ? firmware.takeDamage() : own
    defer { damaged = shown }
    return damaged == shown ? damage : nil
  }

  /// Whether one of the sources may hold a device.
  public var holdsDevice: Bool { source.holdsDevice || firmware.holdsDevice }

  /// Calls `body` when the vGPU's source has let go of the vGPU's picture without a poll.
  public func whenLetGo(_ body: @escaping @Sendable () -> Void) { source.whenLetGo(body) }

  /// Tells the vGPU's source that nobody polls.
  public func pause() { source.pause() }

  /// The vGPU's picture, or the firmware's when there is none. It does not block.
  public func poll() -> DisplayState {
    let state = source.poll()
    switch state {
    case .frame(let frame):
      rest()
      hasShownFrame = true
      return .frame(numbered(frame, .own))
    case .noPicture(.planeOff), .noPicture(.settingMode):
      return bootScreen().map { .frame($0) } ?? state
    case .noPicture:
      rest()
      return state
    }
  }

  private func rest() {
    // A source that shows frames must cost nothing more.
    if !isResting { firmware.pause() }
    isResting = true
    hiddenFlip = nil
  }

  private func bootScreen() -> Frame? {
    isResting = false
    guard case .frame(let frame) = firmware.poll() else { return nil }
    if hasShownFrame, hiddenFlip == nil { hiddenFlip = frame.flip }
    return frame.flip == hiddenFlip ? nil : numbered(frame, .firmware)
  }

  /// The frame with a number that counts both sources' flips. A source that begins anew counts from 1.
  private func numbered(_ frame: Frame, _ choice: Choice) -> Frame {
    if choice != shown || frame.flip &+ offset < flips { offset = flips &+ 1 &- frame.flip }
    shown = choice
    flips = frame.flip &+ offset
    return Frame(
      primary: frame.primary, cursor: frame.cursor, flip: flips, detectedAt: frame.detectedAt,
      revision: frame.revision)
  }
}
