// SPDX-License-Identifier: Apache-2.0

import Attachment
import CGTK3
import CInterface
import CViewGTK3
import EGLPresenter
import GuestControl
import LinuxSystem
import SafeText
import VGPUDisplay
import ViewerGTK

/// Swift's half of a `VgpuView` that has a target: what is shown in it, and what it is told.
@MainActor
final class Peer {
  private let view: GuestView
  private var control: GuestController?

  /// Shows a source in a `VgpuView`, and tells it what becomes of that until `close`.
  init(_ source: sending AttachedSource, in widget: OpaquePointer) throws(Failure) {
    do throws(SystemCallError) {
      view = try GuestView(source: source, in: UnsafeMutablePointer(widget))
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
