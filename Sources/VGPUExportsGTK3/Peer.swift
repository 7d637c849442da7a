// SPDX-License-Identifier: Apache-2.0
//
// CViewGTK3.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
public import CGTK3
public import CVGPU
public import CVGPUGTK3
public import CViewGTK3
import EGLPresenter
import GuestControl
import GuestInput
import Guests
import HostDevices
import LinuxSystem
import SafeText
import VGPUDisplay
import VGPUExports
import ViewerGTK

@c @implementation @MainActor
public func vgpu_peer_open(
  _ view: OpaquePointer!, _ wish: UnsafePointer<vgpu_peer_wish>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> UnsafeMutableRawPointer! {
  var peer: UnsafeMutableRawPointer?
  _ = Failure.code(error) { () throws(Failure) in
    peer = Unmanaged.passRetained(try Peer(wish.pointee, in: view)).toOpaque()
  }
  return peer
}

@c @implementation @MainActor
public func vgpu_peer_close(_ peer: UnsafeMutableRawPointer!) {
  Unmanaged<Peer>.fromOpaque(peer).takeRetainedValue().close()
}

@c @implementation @MainActor
public func vgpu_peer_set_scaling(_ peer: UnsafeMutableRawPointer!, _ scaling: VgpuScaling) {
  Peer.of(peer).scaling =
    switch scaling {
    case VGPU_SCALING_INTEGER: .integer
    case VGPU_SCALING_ONE_TO_ONE: .oneToOne
    case VGPU_SCALING_FILL: .fill
    default: .fit
    }
}

@c @implementation @MainActor
public func vgpu_peer_set_qmp(_ peer: UnsafeMutableRawPointer!, _ path: UnsafePointer<CChar>!) {
  Peer.of(peer).setInput(path.map { String(cString: $0) })
}

@c @implementation @MainActor
public func vgpu_peer_set_grabbed(_ peer: UnsafeMutableRawPointer!, _ is_grabbed: gboolean) {
  Peer.of(peer).setGrabbed(is_grabbed != 0)
}

@c @implementation @MainActor
public func vgpu_peer_input_message(_ peer: UnsafeMutableRawPointer!)
  -> UnsafeMutablePointer<CChar>!
{
  Peer.of(peer).inputMessage.map { g_strdup(PlainText.line($0)) }
}

@c @implementation @MainActor
public func vgpu_peer_send_keys(
  _ peer: UnsafeMutableRawPointer!, _ keys: UnsafePointer<guint>!, _ count: Int
) -> gboolean {
  let chord = UnsafeBufferPointer(start: keys, count: count).compactMap {
    UInt16(exactly: $0).map(Keycode.init(rawValue:))
  }
  return Peer.of(peer).press(chord) ? 1 : 0
}

@c @implementation @MainActor
public func vgpu_peer_release_keys(_ peer: UnsafeMutableRawPointer!) { Peer.of(peer).releaseKeys() }

@c @implementation @MainActor
public func vgpu_peer_take_back(_ peer: UnsafeMutableRawPointer!) -> gboolean {
  Peer.of(peer).takeBack() ? 1 : 0
}

@c @implementation @MainActor
public func vgpu_peer_resize_guest(
  _ peer: UnsafeMutableRawPointer!, _ width: UInt32, _ height: UInt32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    try Peer.of(peer).resizeGuest(width: Int(width), height: Int(height))
  }
}

@c @implementation @MainActor
public func vgpu_peer_get_pixbuf(
  _ peer: UnsafeMutableRawPointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  var pixbuf: OpaquePointer?
  _ = Failure.code(error) { () throws(Failure) in
    let picture = try Peer.of(peer).picture()
    let bytes = g_bytes_new(picture.rgb, gsize(picture.rgb.count))
    defer { g_bytes_unref(bytes) }
    pixbuf = gdk_pixbuf_new_from_bytes(
      bytes, GDK_COLORSPACE_RGB, 0, 8, gint(picture.width), gint(picture.height),
      gint(picture.width * 3))
  }
  return pixbuf
}

@c @implementation @MainActor
public func vgpu_peer_get_statistics(
  _ peer: UnsafeMutableRawPointer!, _ statistics: UnsafeMutablePointer<VgpuViewStatistics>!
) {
  statistics.pointee = VgpuViewStatistics(Peer.of(peer).statistics)
}

@c @implementation @MainActor
public func vgpu_peer_get_preferred_size(
  _ peer: UnsafeMutableRawPointer!, _ orientation: GtkOrientation,
  _ minimum: UnsafeMutablePointer<gint>!, _ natural: UnsafeMutablePointer<gint>!
) {
  let size = Peer.of(peer).preferredSize(along: orientation)
  minimum.pointee = gint(clamping: size.minimum)
  natural.pointee = gint(clamping: size.natural)
}

@c @implementation @MainActor
public func vgpu_peer_draw_message(
  _ widget: UnsafeMutablePointer<GtkWidget>!, _ context: OpaquePointer!,
  _ message: UnsafePointer<CChar>!
) {
  Message.paint(String(cString: message), widget, context)
}

extension Peer {
  fileprivate static func of(_ pointer: UnsafeMutableRawPointer) -> Peer {
    Unmanaged<Peer>.fromOpaque(pointer).takeUnretainedValue()
  }
}

extension VgpuViewStatistics {
  fileprivate init(_ shown: ViewerStatistics) {
    let path =
      switch shown.path {
      case nil: VGPU_PATH_NONE
      case .import: VGPU_PATH_IMPORT
      case .upload: VGPU_PATH_UPLOAD
      case .cairo: VGPU_PATH_CAIRO
      case .direct: VGPU_PATH_DIRECT
      }
    self.init(
      frames_presented: guint64(clamping: shown.framesPresented),
      first_presented_ns: guint64(shown.firstPresentedAt?.nanoseconds ?? 0),
      last_presented_ns: guint64(shown.lastPresentedAt?.nanoseconds ?? 0),
      imports: guint64(clamping: shown.imports), copies: guint64(clamping: shown.copies),
      frames_late: guint64(clamping: shown.framesLate), path: path)
  }
}

/// Swift's half of a `VgpuView` that has a target: shows the guest, and passes on the input.
@MainActor
final class Peer {
  private let widget: OpaquePointer
  private let view: GuestView
  /// The guest that the view names; `nil` for a source of the program's own.
  private let session: OpenGuest?
  /// The receiver of input while no socket is named.
  private let receiver: (any InputSink)?
  private let emitsInput: Bool
  private let resizes: Bool
  private let follower = AreaFollower()
  /// A size that the guest could not be asked for yet, because there is no guest.
  private var pendingSize: PixelSize?

  /// Shows a guest in a `VgpuView`, and tells it what becomes of that until `close`.
  init(_ wish: vgpu_peer_wish, in widget: OpaquePointer) throws(Failure) {
    let source: any FrameSource
    if let functions = wish.functions {
      session = nil
      source = ProgramSource(functions.pointee, wish.source)
    } else {
      let session = try OpenGuest.opened(wish)
      self.session = session
      source = session.makeFrameSource()
    }
    self.widget = widget
    emitsInput = wish.input == VGPU_INPUT_SIGNALS
    resizes = wish.resizes != 0
    receiver = emitsInput ? SignalSink(widget) : session?.input
    do throws(SystemCallError) {
      view = try GuestView(source: source, in: UnsafeMutablePointer(widget))
    } catch {
      throw Failure(error)
    }
    view.onContent = { [unowned self, unowned view] in
      askForPendingSize()
      if let message = view.message {
        vgpu_view_tell_content(widget, PlainText.line(message.text), message.isFinal ? 1 : 0)
      } else {
        vgpu_view_tell_content(widget, nil, 0)
      }
    }
    view.takeBack = session.map { session in
      TakeBackOffer(isDue: { session.isTakenOver }, accept: { session.takeBack() })
    }
    view.onResize = { size in
      vgpu_view_tell_size(
        widget, UInt32(clamping: size.width), UInt32(clamping: size.height))
    }
    view.onGrab = { [unowned view] in vgpu_view_tell_grabbed(widget, view.isGrabbed ? 1 : 0) }
    setInput(wish.qmp.map { String(cString: $0) })
    followProcess()
    if session?.size != nil { followArea() }
  }

  /// Lets go of the device and of the widget.
  func close() {
    session?.screen.onProcess = nil
    view.input = nil
    view.end()
  }

  var scaling: ScalingMode {
    get { view.scaling }
    set { view.scaling = newValue }
  }

  /// The process that has the device changes on any thread.
  private func followProcess() {
    guard let screen = session?.screen else { return }
    let next = screen.onProcess
    screen.onProcess = { [weak self] process in
      next?(process)
      Task { @MainActor in self?.tellProcess() }
    }
    tellProcess()
  }

  private func tellProcess() {
    guard let screen = session?.screen, screen.onProcess != nil else { return }
    vgpu_view_tell_process(widget, screen.process?.pid ?? 0)
    askForPendingSize()
  }

  // MARK: Input

  /// Sends keyboard and mouse to a socket of QEMU's, or to the receiver that was opened.
  func setInput(_ socket: String?) {
    if let socket, !emitsInput {
      view.input = GuestController(.socket(socket))
    } else {
      view.input = receiver
    }
  }

  /// Why the guest gets no input, although it should.
  var inputMessage: String? {
    if let input = view.input {
      if case .viewOnly(let reason) = input.state { reason } else { nil }
    } else {
      session?.controlObstacle.map { "\($0)" }
    }
  }

  /// - Returns: whether the receiver takes keys.
  func press(_ chord: [Keycode]) -> Bool {
    guard case .ready? = view.input?.state else { return false }
    view.press(chord)
    return true
  }

  func releaseKeys() { view.releaseKeys() }

  /// - Returns: whether another program had the guest's screen.
  func takeBack() -> Bool {
    guard let session, session.isTakenOver else { return false }
    session.takeBack()
    return true
  }

  func setGrabbed(_ isGrabbed: Bool) {
    if view.isGrabbed != isGrabbed { view.toggleGrab() }
  }

  // MARK: Size

  /// The guest's monitor follows the widget. Every size of the widget is the user's, the first too.
  private func followArea() {
    follower.expect(PixelSize(width: 0, height: 0))
    follower.onRest = { [unowned self] size in
      pendingSize = size
      askForPendingSize()
    }
    view.onArea = { [unowned self] size in follower.changed(to: size) }
    // A widget that is on the screen already keeps its size.
    if let area = view.area { follower.changed(to: area) }
  }

  private func askForPendingSize() {
    guard let size = pendingSize, session?.size?.monitorLimits != nil else { return }
    pendingSize = nil
    // A guest that keeps its monitor is scaled, as without this.
    try? resizeGuest(width: size.width, height: size.height)
  }

  func resizeGuest(width: Int, height: Int) throws(Failure) {
    guard let session, resizes else {
      throw Failure(
        .argument, "the guest's monitor is not exchanged: set resize-guest before opening a target")
    }
    guard let size = session.size, size.monitorLimits != nil else {
      throw Failure(session.size?.monitorProblem ?? .noMonitor(session.screen.name))
    }
    do {
      try size.plugIn(nearestTo: (width, height), refreshRate: view.refreshRate)
    } catch {
      switch error {
      case .attachment(let error): throw Failure(error)
      default: throw Failure(.argument, "\(error)")
      }
    }
  }

  // MARK: Pictures

  func picture() throws(Failure) -> Picture {
    do {
      return try view.picture()
    } catch {
      throw Failure(.noPicture, "\(error)")
    }
  }

  func preferredSize(along orientation: GtkOrientation) -> (minimum: Int, natural: Int) {
    view.preferredSize(along: orientation)
  }

  var statistics: ViewerStatistics { view.statistics }
}

extension OpenGuest {
  /// Opens what a view wishes for.
  fileprivate static func opened(_ wish: vgpu_peer_wish) throws(Failure) -> OpenGuest {
    let controlsSize = wish.resizes != 0
    let isTold = wish.input == VGPU_INPUT_GUEST && wish.qmp == nil
    guard wish.fd < 0 else {
      let uuid = try MdevUUID(c: wish.target)
      let source = try AttachedSource(
        cDescriptor: wish.fd, of: uuid, process: wish.process, controlsMonitor: controlsSize)
      return Guest(.mdev(uuid)).open(
        showing: source, controlsSize: controlsSize, isTold: isTold)
    }
    let guest = Guest(
      try Target(c: wish.target), descriptor: wish.device < 0 ? nil : wish.device)
    do throws(AttachmentError) {
      return try guest.open(
        waiting: wish.waits != 0, controlsSize: controlsSize, isTold: isTold)
    } catch {
      throw Failure(error)
    }
  }
}
