// SPDX-License-Identifier: Apache-2.0

import DMABuf
public import GuestControl
public import VGPUDisplay

/// A source that shows the firmware's screen until the guest's driver shows its own: a vGPU has no
/// picture before, but QEMU has one when the guest was given a `ramfb` or a VGA card beside it.
///
/// The pictures come over QMP (`screendump`), five times a second, and only while the vGPU shows
/// nothing. Where QEMU has none, the source says what the vGPU's own source says.
public final class BootScreenSource: FrameSource {
  private let source: any FrameSource
  private let dumper: ScreenDumper
  private var shown: Shown?
  /// The last picture was the vGPU's.
  private var wasFrame = false
  /// The guest's driver has shown a picture.
  private var hasShownFrame = false
  /// Damage was told of the vGPU's picture last.
  private var tookFrame = false
  /// Flips of the vGPU, as far as they were shown.
  private var flips: UInt64 = 0
  /// Boot screens, and times that one kind of picture came after the other.
  private var others: UInt64 = 0

  private struct Shown {
    let number: UInt64
    let frame: Frame
    /// Of the same memory one object, so that what a renderer has made of it is used again.
    var planes: [(buffer: DMABuffer, plane: PlaneBuffer)]
  }

  /// Wraps a source of the same guest's vGPU.
  public init(wrapping source: any FrameSource, _ control: GuestController) {
    self.source = source
    dumper = ScreenDumper(control)
  }

  /// The vGPU's name.
  public var name: String { source.name }

  /// The vGPU's counters.
  public var counters: SourceCounters { source.counters }

  /// The vGPU's descriptor, when its source tells of changes; see `FrameSource`. `nil` while the
  /// firmware's pictures are shown or waited for, because QEMU tells of none.
  public var eventDescriptor: Int32? { isResting ? source.eventDescriptor : nil }

  /// Where the vGPU's picture has changed since the last call; see `FrameSource`. `nil` for the
  /// firmware's pictures, and when one kind of picture came after the other.
  public func takeDamage() -> Damage? {
    let damage = source.takeDamage()
    defer { tookFrame = wasFrame }
    return tookFrame && wasFrame ? damage : nil
  }

  /// Whether the vGPU's source may hold a device.
  public var holdsDevice: Bool { source.holdsDevice }

  /// The vGPU's picture, or else the firmware's. It does not block.
  public func poll() -> DisplayState {
    let state = source.poll()
    switch state {
    case .frame(let frame):
      rest()
      hasShownFrame = true
      if !wasFrame { others += 1 }
      wasFrame = true
      flips = frame.flip
      return .frame(
        Frame(
          primary: frame.primary, cursor: frame.cursor, flip: flips + others,
          detectedAt: frame.detectedAt, revision: frame.revision))
    case .noPicture(.planeOff), .noPicture(.settingMode):
      return bootScreen().map { .frame($0) } ?? state
    case .noPicture:
      rest()
      return state
    }
  }

  private func rest() {
    // A source that shows frames stays as cheap as it is.
    if !isResting { dumper.rest() }
    isResting = true
    shown = nil
  }

  private var isResting = true

  private func bootScreen() -> Frame? {
    isResting = false
    guard let dump = dumper.latest(hidesFirst: hasShownFrame) else { return nil }
    if let shown, shown.number == dump.number { return shown.frame }
    var planes = shown?.planes ?? []
    let plane: PlaneBuffer
    if let known = planes.first(where: { $0.buffer === dump.buffer }) {
      plane = known.plane
    } else {
      guard let new = try? PlaneBuffer(dump.info, buffer: dump.buffer) else { return nil }
      plane = new
      planes.append((dump.buffer, new))
      if planes.count > ScreenDumpRing.count { planes.removeFirst() }
    }
    others += 1
    wasFrame = false
    let frame = Frame(
      primary: plane, cursor: nil, flip: flips + others, detectedAt: dump.takenAt)
    shown = Shown(number: dump.number, frame: frame, planes: planes)
    return frame
  }
}
