// SPDX-License-Identifier: Apache-2.0
//
// CViewGTK3.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
public import CGTK3
public import CVGPU
public import CVGPUGTK3
import CViewGTK3
import EGLPresenter
import GuestControl
import Guests
import LinuxSystem
import SafeText
import VGPUDisplay
import VGPUExports
import ViewerGTK

@c @implementation @MainActor
public func vgpu_peer_open(
  _ view: OpaquePointer!, _ target: UnsafePointer<CChar>!, _ waits: gboolean, _ device: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> UnsafeMutableRawPointer! {
  var peer: UnsafeMutableRawPointer?
  _ = Failure.code(error) { () throws(Failure) in
    let guest = Guest(try Target(c: target), descriptor: device < 0 ? nil : device)
    let session: OpenGuest
    do throws(AttachmentError) {
      session = try guest.open(waiting: waits != 0)
    } catch {
      throw Failure(error)
    }
    peer = Unmanaged.passRetained(try Peer(session, in: view)).toOpaque()
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
public func vgpu_peer_get_statistics(
  _ peer: UnsafeMutableRawPointer!, _ statistics: UnsafeMutablePointer<VgpuViewStatistics>!
) {
  statistics.pointee = VgpuViewStatistics(Peer.of(peer).statistics)
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
  private let view: GuestView
  private var control: GuestController?

  /// Shows a guest in a `VgpuView`, and tells it what becomes of that until `close`.
  init(_ session: OpenGuest, in widget: OpaquePointer) throws(Failure) {
    do throws(SystemCallError) {
      view = try GuestView(
        source: session.makeFrameSource(), in: UnsafeMutablePointer(widget))
    } catch {
      throw Failure(error)
    }
    view.onContent = { [unowned view] in
      if let message = view.message {
        vgpu_view_tell_content(widget, PlainText.line(message.text), message.isFinal ? 1 : 0)
      } else {
        vgpu_view_tell_content(widget, nil, 0)
      }
    }
    view.onResize = { size in
      vgpu_view_tell_size(
        widget, UInt32(clamping: size.width), UInt32(clamping: size.height))
    }
    view.onGrab = { [unowned view] in vgpu_view_tell_grabbed(widget, view.isGrabbed ? 1 : 0) }
  }

  /// Lets go of the device and of the widget.
  func close() {
    setInput(nil)
    view.end()
  }

  var scaling: ScalingMode {
    get { view.scaling }
    set { view.scaling = newValue }
  }

  /// Where keyboard and mouse go: a socket of QEMU's, or nowhere.
  func setInput(_ socket: String?) {
    control = socket.map { GuestController(.socket($0)) }
    view.input = control
  }

  func setGrabbed(_ isGrabbed: Bool) {
    if view.isGrabbed != isGrabbed { view.toggleGrab() }
  }

  var statistics: ViewerStatistics { view.statistics }
}
