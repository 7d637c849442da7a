// SPDX-License-Identifier: Apache-2.0
//
// CViewGTK3.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
public import CGTK3
import CInterface
public import CVGPU
public import CVGPUGTK3
import CViewGTK3
import EGLPresenter
import LinuxSystem
import ViewerGTK

@c @implementation @MainActor
public func vgpu_peer_open(
  _ view: OpaquePointer!, _ target: UnsafePointer<CChar>!, _ waits: gboolean, _ device: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> UnsafeMutableRawPointer! {
  var peer: UnsafeMutableRawPointer?
  _ = Failure.code(error) { () throws(Failure) in
    let flags = waits == 0 ? 0 : UInt32(VGPU_OPEN_WAIT)
    let source = try AttachedSource(cTarget: target, flags: flags, device: device)
    peer = Unmanaged.passRetained(try Peer(source, in: view)).toOpaque()
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
