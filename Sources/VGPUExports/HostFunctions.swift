// SPDX-License-Identifier: Apache-2.0
//
// vgpu.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CVGPU
package import HostDevices

@c @implementation
public func vgpu_list(
  _ devices: UnsafeMutablePointer<vgpu_device>!, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let count = try checkRoom(devices, "devices", capacity, count)
    let host = HostHardware()
    let found = try Failure.of { () throws(HostDevicesError) in try host.devices() }
    list(found, devices, capacity, count) { vgpu_device($0, on: host) }
  }
}

extension vgpu_device {
  package init(_ device: MdevDevice, on host: HostHardware) {
    self.init()
    withUnsafeMutableBytes(of: &uuid) { _ = CText.write("\(device.uuid)", to: $0) }
    withUnsafeMutableBytes(of: &type) { _ = CText.write(device.type, to: $0) }
    withUnsafeMutableBytes(of: &parent) { _ = CText.write(device.parent, to: $0) }
    iommu_group = device.iommuGroup.flatMap(Int32.init(exactly:)) ?? -1
    user = host.users(of: device.uuid).first ?? 0
  }
}
