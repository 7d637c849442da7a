// SPDX-License-Identifier: Apache-2.0
//
// vgpu-host.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CVGPU
import HostCheck
import HostCheckEGL
import HostDevices
import PersistentDevices
import VGPUExports

@c @implementation
public func vgpu_list_types(
  _ types: UnsafeMutablePointer<vgpu_type>!, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let count = try checkRoom(types, "types", capacity, count)
    let found = try Failure.of { () throws(HostDevicesError) in try HostHardware().types() }
    list(found, types, capacity, count) { vgpu_type($0) }
  }
}

@c @implementation
public func vgpu_list_persistent(
  _ devices: UnsafeMutablePointer<vgpu_persistent_device>!, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let count = try checkRoom(devices, "devices", capacity, count)
    let found = try Failure.of { () throws(PersistenceError) in
      try PersistentVGPUs.installed()?.all() ?? []
    }
    list(found, devices, capacity, count) { vgpu_persistent_device($0) }
  }
}

@c @implementation
public func vgpu_device_create(
  _ type: UnsafePointer<CChar>!, _ parent: UnsafePointer<CChar>!, _ uuid: UnsafePointer<CChar>!,
  _ flags: UInt32, _ device: UnsafeMutablePointer<vgpu_device>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let type = try CText.read(type, "type")
    let parent = try CText.optional(parent, "parent")
    let uuid = uuid == nil ? .random() : try MdevUUID(c: uuid)
    let persists = flags & UInt32(VGPU_CREATE_PERSISTENT) != 0
    let isManual = flags & UInt32(VGPU_CREATE_MANUAL) != 0
    guard flags & ~UInt32(VGPU_CREATE_PERSISTENT | VGPU_CREATE_MANUAL) == 0 else {
      throw Failure(.argument, "flags \(flags): more than VGPU_CREATE_*; leave the others out")
    }
    guard persists || !isManual else {
      throw Failure(.argument, "VGPU_CREATE_MANUAL: add VGPU_CREATE_PERSISTENT")
    }
    let host = HostHardware()
    let made =
      persists
      ? try Failure.of { () throws(PersistenceError) in
        try PersistentVGPUs(on: host).create(
          type: type, parent: parent, uuid: uuid, start: isManual ? .manual : .auto)
      }
      : try Failure.of { () throws(HostDevicesError) in
        try host.create(type: type, parent: parent, uuid: uuid)
      }
    if let device { device.pointee = vgpu_device(made, on: host) }
  }
}

@c @implementation
public func vgpu_device_remove(
  _ uuid: UnsafePointer<CChar>!, _ flags: UInt32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let uuid = try MdevUUID(c: uuid)
    switch Int(flags) {
    case 0:
      try Failure.of { () throws(HostDevicesError) in try HostHardware().remove(uuid) }
    case VGPU_REMOVE_PERSISTENT:
      try Failure.of { () throws(PersistenceError) in try PersistentVGPUs().remove(uuid) }
    default:
      throw Failure(.argument, "flags \(flags): more than VGPU_REMOVE_*; leave the others out")
    }
  }
}

@c @implementation
public func vgpu_device_start(
  _ uuid: UnsafePointer<CChar>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let uuid = try MdevUUID(c: uuid)
    try Failure.of { () throws(PersistenceError) in try PersistentVGPUs().start(uuid) }
  }
}

@c @implementation
public func vgpu_check_host(
  _ profile: Int32, _ device: UnsafePointer<CChar>!, _ memory: UInt32,
  _ qemu: UnsafePointer<CChar>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> UnsafeMutablePointer<CChar>! {
  Failure.result(error) { () throws(Failure) in
    let purpose: Purpose =
      switch Int(profile) {
      case VGPU_PROFILE_GVT_G: .gvtG
      case VGPU_PROFILE_IGD: .igd
      case VGPU_PROFILE_GPU: .gpu
      case VGPU_PROFILE_VIRTIO: .virtio
      case VGPU_PROFILE_SRIOV: .sriov
      case VGPU_PROFILE_NVIDIA: .nvidia
      default: throw Failure(.argument, "profile \(profile): not one of VGPU_PROFILE_*")
      }
    var address: PCIAddress?
    if let text = try CText.optional(device, "device") {
      address = PCIAddress(text)
      if address == nil {
        throw Failure(.argument, "\(text): no PCI address; it must look like 0000:01:00.0")
      }
    }
    let program = try CText.optional(qemu, "qemu") ?? QEMUDefault.program
    return try CText.copy(
      HostReport(
        of: HostHardware(), for: purpose, device: address,
        guestMemory: memory == 0 ? 4096 : Int(memory), live: LiveFacts(qemu: program)
      ).json)
  }
}

/// The QEMU of callers that name none.
enum QEMUDefault {
  static let program = "qemu-system-x86_64"
}

extension vgpu_type {
  fileprivate init(_ type: MdevType) {
    self.init()
    withUnsafeMutableBytes(of: &id) { _ = CText.write(type.id, to: $0) }
    withUnsafeMutableBytes(of: &parent) { _ = CText.write(type.parent, to: $0) }
    withUnsafeMutableBytes(of: &name) { _ = CText.write(type.name ?? "", to: $0) }
    withUnsafeMutableBytes(of: &description) { _ = CText.write(type.description ?? "", to: $0) }
    available = type.availableInstances.map { Int32(clamping: $0) } ?? -1
  }
}

extension vgpu_persistent_device {
  fileprivate init(_ device: PersistentVGPU) {
    self.init()
    withUnsafeMutableBytes(of: &uuid) { _ = CText.write("\(device.uuid)", to: $0) }
    withUnsafeMutableBytes(of: &type) { _ = CText.write(device.type, to: $0) }
    withUnsafeMutableBytes(of: &parent) { _ = CText.write(device.parent, to: $0) }
    start = Int32(device.start == .auto ? VGPU_START_AUTO : VGPU_START_MANUAL)
  }
}
