// SPDX-License-Identifier: Apache-2.0
//
// vgpu.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

package import Attachment
import CLinux
public import CVGPU
import HostDevices
import LinuxSystem

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

/// A second descriptor of a file; the caller keeps the first.
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

extension Target {
  /// Reads what a C caller names.
  package init(c pointer: UnsafePointer<CChar>?) throws(Failure) {
    let text = try CText.read(pointer, "target")
    guard let target = Target(text) else {
      throw Failure(
        .argument,
        """
        \(text): no target; give mdev:UUID, pid:N, libvirt:[session/|system/]NAME, \
        bridge:PATH[/UUID] or demo
        """)
    }
    self = target
  }
}

extension AttachedSource {
  /// Attaches to what a C caller names; the parameters are those of `vgpu_source_open`.
  convenience init(
    cTarget: UnsafePointer<CChar>?, flags: UInt32, device: Int32
  ) throws(Failure) {
    let target = try Target(c: cTarget)
    let options = try OpenOptions(flags)
    do {
      try self.init(
        target, descriptor: device < 0 ? nil : device, waiting: options.waits,
        controlsMonitor: options.controlsMonitor)
    } catch {
      throw Failure(error)
    }
  }
}

/// `VGPU_OPEN_*`, checked.
package struct OpenOptions {
  package let waits: Bool
  package let controlsMonitor: Bool

  package init(_ flags: UInt32) throws(Failure) {
    let known = UInt32(VGPU_OPEN_WAIT | VGPU_OPEN_MONITOR)
    guard flags & ~known == 0 else {
      throw Failure(.argument, "flags \(flags): more than VGPU_OPEN_*; leave the others out")
    }
    waits = flags & UInt32(VGPU_OPEN_WAIT) != 0
    controlsMonitor = flags & UInt32(VGPU_OPEN_MONITOR) != 0
  }
}
