// SPDX-License-Identifier: Apache-2.0

import CDRM
import DMABuf
public import EGLPresenter
public import FramePacing
import LinuxSystem
import SystemPackage
public import VGPUDisplay

/// Where a guest is shown without a compositor.
public struct ScreenWish: Hashable, Sendable {
  /// The card's path, such as `/dev/dri/card0`; `nil` for the first with a fitting monitor.
  public var card: String?
  /// The monitor's connector as the kernel names it, such as `HDMI-A-1`; `nil` for the first with a
  /// monitor.
  public var connector: String?
  /// The monitor's mode; `nil` for the guest's size where the monitor has it, else the one that the
  /// monitor prefers.
  public var mode: ModeWish?

  /// Wishes nothing in particular.
  public init() {}
}

/// A monitor that this program drives by itself, on the kernel's atomic interface (DRM/KMS): frames are
/// shown by the display engine, without a compositor.
///
/// A guest's own buffer becomes what the CRTC's primary plane reads. A buffer that the display engine
/// refuses, and a picture in memory of another kind, are copied into memory of the card's;
/// `copyReason` tells why.
///
/// Nothing changes on the monitor before the first `present`. `restore` puts back what was shown before;
/// when the process ends without it, the kernel shows its console again, if it has one.
///
/// A screen belongs to one thread.
public final class KMSScreen {
  /// The connector and the card, such as `HDMI-A-1 on /dev/dri/card0`.
  public let name: String
  /// The name of the card's driver, such as `i915`.
  public var driver: String { card.driver }
  /// The mode that is shown; `nil` before the first frame.
  public private(set) var mode: ScreenMode?
  /// Where the last picture lies on the screen; `nil` while there is none.
  public private(set) var placement: Placement?
  /// The modes of the monitor.
  public var modes: [ScreenMode] { choice.connector.modes }
  /// The path of the last frame: `direct`, or `upload` for a copy.
  public private(set) var path: PresentationPath?
  /// Why the last frame was copied, in a sentence; `nil` when the display engine reads the guest's own
  /// buffer.
  public private(set) var copyReason: String?
  /// Why the guest's pointer is not shown although it has one; `nil` when it is.
  public private(set) var cursorReason: String?
  /// Guests' buffers that the display engine has accepted so far.
  public private(set) var acceptedBuffers = 0
  /// Whether a frame waits for its refresh. The next one is shown after that.
  public private(set) var isFlipPending = false

  private let card: Card
  private let choice: OutputChoice
  private let wish: ModeWish?
  private let crtc: KMSObject
  private let connector: KMSObject
  private let primary: PlaneProperties
  private let cursor: PlaneProperties?
  private var saved: SavedState?
  private var request = AtomicRequest()
  private var known = KnownBuffers()
  private var copies: ScreenCopies?
  private var pointers: CursorPictures?
  /// The guest's size for which the mode was chosen.
  private var chosenFor: PixelSize?
  /// What the primary plane reads now, and, until the next flip, what it read before.
  private var shown: Framebuffer?
  private var before: Framebuffer?
  private var sequence = SequenceNumbers()

  /// Opens the card and chooses the connector, and becomes the program that decides what the card shows.
  ///
  /// - Throws: `KMSError`.
  public init(_ wish: ScreenWish = ScreenWish()) throws(KMSError) {
    let cards = try Self.cards(wish.card)
    let (index, connector) = try OutputChoice.connector(
      named: wish.connector, among: cards.map { ($0.card.path, $0.engine) })
    let (card, engine) = (cards[index].card, cards[index].engine)
    if let mode = wish.mode {
      _ = try OutputChoice.mode(for: mode.size, mode, of: connector)
    }
    try card.becomeMaster()
    choice = try OutputChoice(connector, on: engine, card: card.path)
    guard
      let primary = PlaneProperties(card.object(choice.primary.id, DRM_MODE_OBJECT_PLANE))
    else { throw .notAtomic(card: card.path) }
    self.card = card
    self.wish = wish.mode
    self.primary = primary
    cursor = choice.cursor.flatMap {
      PlaneProperties(card.object($0.id, DRM_MODE_OBJECT_PLANE))
    }
    crtc = card.object(choice.crtc, DRM_MODE_OBJECT_CRTC)
    self.connector = card.object(connector.id, DRM_MODE_OBJECT_CONNECTOR)
    name = "\(connector.name) on \(card.path)"
  }

  deinit { restore() }

  private static func cards(
    _ path: String?
  ) throws(KMSError) -> [(card: Card, engine: DisplayEngine)] {
    var found: [(card: Card, engine: DisplayEngine)] = []
    var refusal: KMSError?
    for path in path.map({ [$0] }) ?? Card.paths {
      do throws(KMSError) {
        guard let card = try Card(path) else { continue }
        found.append((card, try card.engine()))
      } catch {
        refusal = refusal ?? error
      }
    }
    // Another card may do.
    guard !found.isEmpty else { throw refusal ?? .noCard(path) }
    return found
  }

  /// The card's descriptor, borrowed: it is readable when `readFlips` has something.
  public var descriptor: Int32 { card.fd }

  // MARK: Frames

  /// Shows a frame from the next refresh on; `readFlips` tells when. Call it only while no flip is
  /// pending.
  ///
  /// - Parameters:
  ///   - frame: the frame.
  ///   - number: comes back with the flip.
  ///   - copying: whether to copy the picture even if the display engine takes the guest's own buffer.
  /// - Throws: `KMSError.cannotShow` when this picture cannot be shown, `.noMode`, `.failed`.
  public func present(
    _ frame: Frame, number: UInt64, copying: Bool = false
  ) throws(KMSError) {
    let buffer = frame.primary
    let mode = try mode(for: buffer.size)
    let placement = Placement(guest: buffer.size, area: mode.size, mode: .oneToOne)
    if !copying, case .accepted(let framebuffer) = try outcome(of: buffer, placement, mode) {
      let picture = PlanePicture(framebuffer.id, buffer, placement)
      do {
        try show(frame, picture, framebuffer, placement, mode, number)
        path = .direct
        copyReason = nil
        return
      } catch {
        guard error.isRefusal else { throw .failed(error) }
        // A driver may learn only now that it cannot reach the memory.
        known.refuse(buffer, Self.refusal(buffer, error))
      }
    }
    copyReason = copying ? "as asked for" : known.refusal(of: buffer)
    try copy(frame, placement, mode, number)
    path = .upload
  }

  /// Shows black until the next frame, and lets go of the guest's buffers. It waits for the refresh.
  /// Before the first frame it does nothing.
  ///
  /// - Throws: `KMSError.failed`.
  public func blank() throws(KMSError) {
    guard let mode, saved != nil else { return }
    do throws(SystemCallError) {
      let framebuffer = try screenCopies(mode.size).blank()
      request.clear()
      primary.show(
        PlanePicture(
          framebuffer: framebuffer.id, source: mode.size.whole, x: 0, y: 0),
        on: choice.crtc, in: &request)
      cursor?.hide(in: &request)
      try request.commit(on: card, [])
      shown = framebuffer
      before = nil
      placement = nil
    } catch {
      throw .failed(error)
    }
    known.removeAll()
  }

  /// Tells the flips since the last call. It does not wait.
  public func readFlips(_ tell: (_ number: UInt64, _ feedback: PresentationFeedback) -> Void) {
    var flips = (vgpu_drm_flip(), vgpu_drm_flip(), vgpu_drm_flip(), vgpu_drm_flip())
    withUnsafeMutableBytes(of: &flips) { bytes in
      let flips = bytes.bindMemory(to: vgpu_drm_flip.self)
      let count = vgpu_drm_read_flips(card.fd, flips.baseAddress, flips.count)
      for flip in flips.prefix(count) {
        isFlipPending = false
        before = nil
        tell(
          flip.number,
          PresentationFeedback(
            time: MonotonicInstant(nanoseconds: flip.nanoseconds), interval: mode?.interval ?? 0,
            sequence: sequence.extended(flip.sequence)))
      }
    }
  }

  /// Puts back what the monitor showed before the first frame. When the kernel refuses, for example
  /// because the program that drew it has ended, the monitor is switched off, and the kernel shows its
  /// console when the card is closed. The screen shows nothing more.
  public func restore() {
    guard let saved else { return }
    self.saved = nil
    do {
      try saved.restore(on: card)
    } catch {
      switchOff()
    }
    shown = nil
    before = nil
    known.removeAll()
  }

  // MARK: The mode

  private func mode(for guest: PixelSize) throws(KMSError) -> ScreenMode {
    if let mode, chosenFor == guest { return mode }
    let mode = try OutputChoice.mode(for: guest, wish, of: choice.connector)
    if mode != self.mode { known.removeAll() }
    chosenFor = guest
    return mode
  }

  /// The properties that only a new mode changes.
  private func addMode(_ blob: UInt32) {
    request.begin(choice.crtc)
    request.set(crtc["MODE_ID"], UInt64(blob))
    request.set(crtc["ACTIVE"], 1)
    // A compositor's colours are not the guest's.
    for name in Self.colours { request.set(crtc[name], 0) }
    request.begin(choice.connector.id)
    request.set(connector["CRTC_ID"], UInt64(choice.crtc))
    for clone in choice.clones {
      request.begin(clone.id)
      request.set(card.object(clone.id, DRM_MODE_OBJECT_CONNECTOR)["CRTC_ID"], 0)
    }
    for other in choice.others {
      PlaneProperties(card.object(other.id, DRM_MODE_OBJECT_PLANE))?.hide(in: &request)
    }
    for plane in [choice.primary, choice.cursor].compactMap({ $0 }) {
      let object = card.object(plane.id, DRM_MODE_OBJECT_PLANE)
      request.begin(plane.id)
      request.set(object["rotation"], UInt64(DRM_MODE_ROTATE_0))
      request.set(object["alpha"], 0xFFFF)
    }
  }

  private static let colours = ["GAMMA_LUT", "DEGAMMA_LUT", "CTM", "VRR_ENABLED"]

  /// Notes what the monitor shows, with everything that `addMode` and frames change.
  private func save() {
    guard saved == nil else { return }
    var saved = SavedState()
    saved.add(
      card.object(choice.crtc, DRM_MODE_OBJECT_CRTC), ["MODE_ID", "ACTIVE"] + Self.colours,
      of: card)
    for connector in [choice.connector] + choice.clones {
      saved.add(card.object(connector.id, DRM_MODE_OBJECT_CONNECTOR), ["CRTC_ID"], of: card)
    }
    for plane in [choice.primary] + [choice.cursor].compactMap({ $0 }) + choice.others {
      saved.add(
        card.object(plane.id, DRM_MODE_OBJECT_PLANE),
        PlaneProperties.names + ["rotation", "alpha"], of: card)
    }
    self.saved = saved
  }

  private func switchOff() {
    request.clear()
    request.begin(choice.crtc)
    request.set(crtc["MODE_ID"], 0)
    request.set(crtc["ACTIVE"], 0)
    request.begin(choice.connector.id)
    request.set(connector["CRTC_ID"], 0)
    primary.hide(in: &request)
    cursor?.hide(in: &request)
    // Nobody is left to be told that it cannot be told.
    try? request.commit(on: card, .modeset)
  }

  // MARK: Buffers

  private func outcome(
    of buffer: PlaneBuffer, _ placement: Placement, _ mode: ScreenMode
  ) throws(KMSError) -> KnownBuffers.Outcome {
    if let outcome = known.outcome(of: buffer) { return outcome }
    let outcome = tried(buffer, placement, mode)
    if case .accepted = outcome { acceptedBuffers += 1 }
    known.insert(outcome, for: buffer)
    return outcome
  }

  /// Asks the driver whether it would show a buffer.
  private func tried(
    _ buffer: PlaneBuffer, _ placement: Placement, _ mode: ScreenMode
  ) -> KnownBuffers.Outcome {
    guard case .dmaBuf(let memory) = buffer.storage, memory.backing == .dmaBuf else {
      return .refused("the guest's picture lies in no dma-buf, which a display engine could read")
    }
    guard !buffer.isUpsideDown else { return .refused("the guest's picture lies upside down") }
    do throws(SystemCallError) {
      let framebuffer = try Framebuffer.importing(memory, buffer.layout, on: card)
      try commit(
        PlanePicture(framebuffer.id, buffer, placement), pointer: nil, mode, .test, number: 0)
      return .accepted(framebuffer)
    } catch {
      return .refused(Self.refusal(buffer, error))
    }
  }

  private static func refusal(_ buffer: PlaneBuffer, _ error: SystemCallError) -> String {
    "the display engine does not take a buffer of \(buffer.layout): \(error)"
  }

  private func copy(
    _ frame: Frame, _ placement: Placement, _ mode: ScreenMode, _ number: UInt64
  ) throws(KMSError) {
    if let obstacle = PictureCopy.obstacle(frame.primary) {
      throw .cannotShow("\(name): \(copyReason ?? "the picture is copied"), and \(obstacle)")
    }
    let framebuffer: Framebuffer
    do throws(SystemCallError) {
      framebuffer = try screenCopies(mode.size).draw(frame.primary, at: placement)
    } catch {
      throw .cannotShow("\(name): the guest's picture cannot be copied: \(error)")
    }
    do throws(SystemCallError) {
      let picture = PlanePicture(
        framebuffer: framebuffer.id, source: mode.size.whole, x: 0, y: 0)
      try show(frame, picture, framebuffer, placement, mode, number)
    } catch {
      throw .failed(error)
    }
  }

  private func screenCopies(_ size: PixelSize) throws(SystemCallError) -> ScreenCopies {
    if let copies, copies.size == size { return copies }
    let made = try ScreenCopies(size, on: card)
    copies = made
    return made
  }

  // MARK: Committing

  private func show(
    _ frame: Frame, _ picture: PlanePicture, _ framebuffer: Framebuffer, _ placement: Placement,
    _ mode: ScreenMode, _ number: UInt64
  ) throws(SystemCallError) {
    let pointer = pointer(of: frame, placement)
    do throws(SystemCallError) {
      try commit(picture, pointer: pointer, mode, [], number: number)
    } catch {
      // A pointer never costs the picture.
      guard error.isRefusal, pointer != nil else { throw error }
      try commit(picture, pointer: nil, mode, [], number: number)
      cursorReason = "the display engine does not take the pointer: \(error)"
    }
    isFlipPending = true
    self.placement = placement
    before = shown
    shown = framebuffer
    self.mode = mode
  }

  private func pointer(of frame: Frame, _ placement: Placement) -> PlanePicture? {
    cursorReason = nil
    guard let pointer = frame.cursor else { return nil }
    guard cursor != nil else {
      cursorReason = "the display engine has no plane for a pointer"
      return nil
    }
    do throws(SystemCallError) {
      let pictures: CursorPictures
      if let pointers {
        pictures = pointers
      } else {
        pictures = try CursorPictures(on: card)
        pointers = pictures
      }
      guard let framebuffer = try pictures.picture(of: pointer.buffer) else {
        cursorReason = "the display engine's pointers have another size or format"
        return nil
      }
      return PlanePicture(
        framebuffer: framebuffer.id, source: card.cursorSize.whole,
        x: placement.picture.x + pointer.x, y: placement.picture.y + pointer.y)
    } catch {
      cursorReason = "\(error)"
      return nil
    }
  }

  /// Commits, or tests, a picture, with a new mode where that is due.
  private func commit(
    _ picture: PlanePicture, pointer: PlanePicture?, _ mode: ScreenMode,
    _ flags: AtomicRequest.Flags, number: UInt64
  ) throws(SystemCallError) {
    let isTest = flags.contains(.test)
    request.clear()
    var blob: UInt32?
    // The screen's state keeps the blob.
    defer { if let blob { _ = vgpu_drm_destroy_blob(card.fd, blob) } }
    if saved == nil || mode != self.mode {
      let made = try Blob.create(mode.timing, on: card)
      blob = made
      if !isTest { save() }
      addMode(made)
    }
    primary.show(picture, on: choice.crtc, in: &request)
    if let cursor {
      if let pointer {
        cursor.show(pointer, on: choice.crtc, in: &request)
      } else {
        cursor.hide(in: &request)
      }
    }
    let how: AtomicRequest.Flags =
      blob == nil ? [.nonBlocking] : [.modeset]
    try request.commit(
      on: card, isTest ? how.subtracting(.nonBlocking).union(.test) : how.union(.event),
      number: number)
  }
}

extension PlanePicture {
  /// The part of a guest's own buffer that lies on the screen.
  fileprivate init(_ framebuffer: UInt32, _ buffer: PlaneBuffer, _ placement: Placement) {
    let visible = placement.visible
    self.init(
      framebuffer: framebuffer,
      source: buffer.imageRectangle(
        of: PixelRectangle(
          x: visible.x - placement.picture.x, y: visible.y - placement.picture.y,
          width: visible.width, height: visible.height)),
      x: visible.x, y: visible.y)
  }
}

extension SystemCallError {
  /// Whether the driver does not take what it was asked to show; else nothing can be shown now.
  fileprivate var isRefusal: Bool {
    switch errno {
    case .resourceBusy, .permissionDenied, .noSuchAddressOrDevice, .ioError,
      .operationNotSupportedByDevice:
      false
    default: true
    }
  }
}

/// The kernel's numbers of refreshes, which have 32 bits, with the bits above.
private struct SequenceNumbers {
  private var last: UInt64?

  mutating func extended(_ number: UInt32) -> UInt64 {
    guard let last else {
      self.last = UInt64(number)
      return UInt64(number)
    }
    let step = number &- UInt32(truncatingIfNeeded: last)
    let extended = last &+ UInt64(step)
    self.last = extended
    return extended
  }
}
