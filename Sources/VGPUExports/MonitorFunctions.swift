// SPDX-License-Identifier: Apache-2.0
//
// vgpu.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
public import CVGPU
import Guests
import MonitorEDID
import VGPUDisplay

@c @implementation
public func vgpu_edid_make(
  _ width: UInt32, _ height: UInt32, _ rate: Double, _ name: UnsafePointer<CChar>!,
  _ edid: UnsafeMutablePointer<UInt8>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    guard let edid else { throw .null("edid") }
    let name = name == nil ? "vgpu" : try CText.read(name, "name")
    let bytes = try EDID(width, height, rate, name: name).bytes
    UnsafeMutableRawBufferPointer(start: edid, count: Int(VGPU_EDID_SIZE)).copyBytes(from: bytes)
  }
}

@c @implementation
public func vgpu_source_set_monitor(
  _ source: OpaquePointer!, _ width: UInt32, _ height: UInt32, _ rate: Double,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let source = try Source.borrowed(source)
    let edid = try EDID(width, height, rate, name: "vgpu")
    do throws(AttachmentError) {
      try source.sizing().plugIn(edid: edid.bytes, size: (Int(width), Int(height)))
    } catch {
      throw Failure(error)
    }
  }
}

@c @implementation
public func vgpu_source_monitor_limits(
  _ source: OpaquePointer!, _ width: UnsafeMutablePointer<UInt32>!,
  _ height: UnsafeMutablePointer<UInt32>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let source = try Source.borrowed(source)
    guard let width, let height else { throw .null("width, height") }
    let limits: MonitorLimits
    do throws(AttachmentError) {
      guard let known = try source.sizing().monitorLimits else {
        throw .noMonitor(source.screen.name)
      }
      limits = known
    } catch {
      throw Failure(error)
    }
    width.pointee = UInt32(clamping: limits.width ?? 0)
    height.pointee = UInt32(clamping: limits.height ?? 0)
  }
}

extension Source {
  /// The object to ask for another size of the screen.
  fileprivate func sizing() throws(AttachmentError) -> any ScreenSizing {
    guard controlsMonitor else { throw .notControlled(screen.name) }
    guard let sizing = screen.sizing else { throw .noMonitor(screen.name) }
    return sizing
  }
}

extension EDID {
  fileprivate init(
    _ width: UInt32, _ height: UInt32, _ rate: Double, name: String
  ) throws(Failure) {
    do {
      try self.init(
        mode: DisplayMode(width: Int(width), height: Int(height), refreshRate: rate), name: name)
    } catch {
      throw Failure(error)
    }
  }
}
