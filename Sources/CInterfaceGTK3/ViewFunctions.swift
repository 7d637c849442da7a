// SPDX-License-Identifier: Apache-2.0
//
// vgpu-gtk3.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
public import CGTK3
import CInterface
public import CVGPU
public import CVGPUGTK3
import EGLPresenter
import LinuxSystem
import ViewerGTK

@c @implementation @MainActor
public func vgpu_view_new(
  _ target: UnsafePointer<CChar>!, _ flags: UInt32, _ device: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> UnsafeMutablePointer<GtkWidget>! {
  var widget: UnsafeMutablePointer<GtkWidget>?
  _ = Failure.code(error) { () throws(Failure) in
    try checkThread()
    let source = try AttachedSource(cTarget: target, flags: flags, device: device)
    do throws(SystemCallError) {
      widget = View(try GuestView(source: source)).guest.widget
    } catch {
      throw Failure(error)
    }
  }
  return widget
}

@c @implementation @MainActor
public func vgpu_view_set_scaling(
  _ view: UnsafeMutablePointer<GtkWidget>!, _ scaling: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    try checkThread()
    let view = try View.of(view)
    view.guest.scaling =
      switch Int(scaling) {
      case VGPU_SCALING_FIT: .fit
      case VGPU_SCALING_INTEGER: .integer
      case VGPU_SCALING_ONE_TO_ONE: .oneToOne
      case VGPU_SCALING_FILL: .fill
      default: throw Failure(.argument, "scaling \(scaling): not one of VGPU_SCALING_*")
      }
  }
}

@c @implementation @MainActor
public func vgpu_view_set_input(
  _ view: UnsafeMutablePointer<GtkWidget>!, _ qmp: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    try checkThread()
    try View.of(view).setInput(qmp == nil ? nil : try CText.read(qmp, "qmp"))
  }
}

@c @implementation @MainActor
public func vgpu_view_set_grab(
  _ view: UnsafeMutablePointer<GtkWidget>!, _ is_grabbed: gboolean,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    try checkThread()
    let view = try View.of(view)
    if view.guest.isGrabbed != (is_grabbed != 0) { view.guest.toggleGrab() }
  }
}

@c @implementation @MainActor
public func vgpu_view_get_statistics(
  _ view: UnsafeMutablePointer<GtkWidget>!,
  _ statistics: UnsafeMutablePointer<vgpu_view_statistics>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    try checkThread()
    let view = try View.of(view)
    guard let statistics else { throw .null("statistics") }
    statistics.pointee = vgpu_view_statistics(view.guest.statistics, view.guest.placement?.guest)
  }
}

extension vgpu_view_statistics {
  fileprivate init(_ shown: ViewerStatistics, _ size: PixelSize?) {
    let path =
      switch shown.path {
      case nil: VGPU_PATH_NONE
      case .import: VGPU_PATH_IMPORT
      case .upload: VGPU_PATH_UPLOAD
      case .cairo: VGPU_PATH_CAIRO
      case .direct: VGPU_PATH_DIRECT
      }
    self.init(
      frames_presented: UInt64(clamping: shown.framesPresented),
      first_presented_ns: shown.firstPresentedAt?.nanoseconds ?? 0,
      last_presented_ns: shown.lastPresentedAt?.nanoseconds ?? 0,
      imports: UInt64(clamping: shown.imports), copies: UInt64(clamping: shown.copies),
      frames_late: UInt64(clamping: shown.framesLate), path: Int32(path),
      width: UInt32(clamping: size?.width ?? 0), height: UInt32(clamping: size?.height ?? 0))
  }
}
