// SPDX-License-Identifier: Apache-2.0
//
// vgpu.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

package import Attachment
import CLinux
public import CVGPU
import Guests
package import HostDevices
package import LinuxSystem

@c @implementation
public func vgpu_source_open(
  _ target: UnsafePointer<CChar>!, _ flags: UInt32, _ device: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let guest = Guest(try Target(c: target), descriptor: device < 0 ? nil : device)
    return try Source(guest, flags: flags).passedToC()
  }
}

@c @implementation
public func vgpu_source_open_head(
  _ target: UnsafePointer<CChar>!, _ flags: UInt32, _ head: UInt32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    try Source(Guest(try Target(c: target), head: Int(head)), flags: flags).passedToC()
  }
}

@c @implementation
public func vgpu_source_open_fd(
  _ fd: Int32, _ uuid: UnsafePointer<CChar>!, _ process: Int32, _ flags: UInt32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let uuid = try MdevUUID(c: uuid)
    let options = try OpenOptions(flags)
    return Source(
      try AttachedSource(
        cDescriptor: fd, of: uuid, process: process, controlsMonitor: options.controlsMonitor),
      of: .mdev(uuid), controlsMonitor: options.controlsMonitor
    ).passedToC()
  }
}

/// A second descriptor of a file; the caller keeps the first.
package func duplicate(_ fd: Int32) throws(Failure) -> OwnedFileDescriptor {
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
        \(text): no target; give mdev:UUID, pci:ADDRESS, pid:N, libvirt:[session/|system/]NAME, \
        qmp:PATH, bridge:PATH[/UUID] or demo
        """)
    }
    self = target
  }
}

extension Source {
  /// Opens the screen of what a C caller names; the flags are those of `vgpu_source_open`.
  fileprivate convenience init(_ guest: Guest, flags: UInt32) throws(Failure) {
    let options = try OpenOptions(flags)
    do throws(AttachmentError) {
      let opened = try guest.open(waiting: options.waits, controlsSize: options.controlsMonitor)
      // Nobody would be told that it is only what QEMU draws, such as the firmware's screen.
      if let obstacle = opened.vGPUObstacle { throw obstacle }
      self.init(opened.screen, of: guest.target, controlsMonitor: options.controlsMonitor)
    } catch {
      throw Failure(error)
    }
  }
}

extension MdevUUID {
  /// Reads what a C caller names.
  package init(c pointer: UnsafePointer<CChar>?) throws(Failure) {
    let text = try CText.read(pointer, "uuid")
    self = try Failure.of { () throws(HostDevicesError) in try MdevUUID(parsing: text) }
  }
}

extension AttachedSource {
  /// Keeps a duplicate of a device that a C caller has; the parameters are those of
  /// `vgpu_source_open_fd`.
  package convenience init(
    cDescriptor fd: Int32, of uuid: MdevUUID, process: Int32, controlsMonitor: Bool
  ) throws(Failure) {
    let host = HostHardware()
    guard let vGPU = host.device(uuid) else {
      throw Failure(
        HostDevicesError.noSuchDevice(uuid, existing: (try? host.devices().map(\.uuid)) ?? []))
    }
    let device = try duplicate(fd)
    do throws(AttachmentError) {
      try self.init(
        keeping: device, of: vGPU, process: process, controlsMonitor: controlsMonitor, host: host)
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
