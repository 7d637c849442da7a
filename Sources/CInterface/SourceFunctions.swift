// SPDX-License-Identifier: Apache-2.0
//
// vgpu.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
import CLinux
public import CVGPU
import HostDevices
import LinuxSystem
import VGPUDisplay

@c @implementation
public func vgpu_abi_version() -> UInt32 { VGPU_ABI_VERSION }

@c @implementation
public func vgpu_source_open(
  _ target: UnsafePointer<CChar>!, _ flags: UInt32, _ device: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    Source(try AttachedSource(cTarget: target, flags: flags, device: device)).passedToC()
  }
}

@c @implementation
public func vgpu_source_open_fd(
  _ fd: Int32, _ uuid: UnsafePointer<CChar>!, _ process: Int32, _ flags: UInt32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let text = try CText.read(uuid, "uuid")
    guard let uuid = MdevUUID(text) else { throw Failure(.invalidUUID(text)) }
    let host = HostHardware()
    guard let vGPU = host.device(uuid) else {
      throw Failure(.noSuchDevice(uuid, existing: (try? host.devices().map(\.uuid)) ?? []))
    }
    let options = try OpenOptions(flags)
    let device = try duplicate(fd)
    do throws(AttachmentError) {
      return Source(
        try AttachedSource(
          keeping: device, of: vGPU, process: process, controlsMonitor: options.controlsMonitor,
          host: host)
      ).passedToC()
    } catch {
      throw Failure(error)
    }
  }
}

/// A second descriptor of a file, whose first stays the caller's.
private func duplicate(_ fd: Int32) throws(Failure) -> OwnedFileDescriptor {
  do {
    return OwnedFileDescriptor(
      owning: Int32(
        try SystemCall.make("fcntl(F_DUPFD_CLOEXEC)", on: "descriptor \(fd)") {
          vgpu_fcntl(fd, F_DUPFD_CLOEXEC, 0)
        }))
  } catch {
    throw Failure(error)
  }
}

@c @implementation
public func vgpu_source_close(_ source: OpaquePointer!) { Source.release(source) }

@c @implementation
public func vgpu_source_name(
  _ source: OpaquePointer!, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  CText.write((try? Source.borrowed(source).attached.name) ?? "", to: text, size: size)
}

@c @implementation
public func vgpu_source_process(_ source: OpaquePointer!) -> Int32 {
  (try? Source.borrowed(source))?.attached.process?.pid ?? 0
}

@c @implementation
public func vgpu_source_poll(
  _ source: OpaquePointer!, _ frame: UnsafeMutablePointer<vgpu_frame>!
) -> Int32 {
  guard let source = try? Source.borrowed(source) else {
    if let frame { frame.pointee = vgpu_frame() }
    return Int32(VGPU_STATE_ENDED)
  }
  return source.poll(frame)
}

@c @implementation
public func vgpu_source_message(
  _ source: OpaquePointer!, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  CText.write((try? Source.borrowed(source).message) ?? "", to: text, size: size)
}

@c @implementation
public func vgpu_source_fd(
  _ source: OpaquePointer!, _ rate: Double, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.result(error) { () throws(Failure) in
    try Source.borrowed(source).descriptor(rate: rate)
  } ?? -1
}

@c @implementation
public func vgpu_source_counters(
  _ source: OpaquePointer!, _ counters: UnsafeMutablePointer<vgpu_counters>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let now = try Source.borrowed(source).attached.counters
    guard let counters else { throw .null("counters") }
    counters.pointee = vgpu_counters(
      queries: UInt64(clamping: now.queries), gets: UInt64(clamping: now.gets),
      transients: UInt64(clamping: now.transients), flips: UInt64(clamping: now.flips))
  }
}

@c @implementation
public func vgpu_source_get_buffer(
  _ source: OpaquePointer!, _ plane: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    try Source.borrowed(source).buffer(plane).passedToC()
  }
}
