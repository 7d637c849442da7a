// SPDX-License-Identifier: Apache-2.0
//
// vgpu.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CVGPU
import HostDevices

@c @implementation
public func vgpu_list(
  _ devices: UnsafeMutablePointer<vgpu_device>!, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    guard let count else { throw .null("count") }
    guard devices != nil || capacity == 0 else { throw .null("devices") }
    let host = HostHardware()
    let found: [MdevDevice]
    do throws(HostDevicesError) {
      found = try host.devices()
    } catch {
      throw Failure(error)
    }
    // A size_t beyond Int's half comes as a negative number.
    for (index, device) in found.prefix(max(0, capacity)).enumerated() {
      devices[index] = vgpu_device(device, user: host.users(of: device.uuid).first)
    }
    count.pointee = found.count
  }
}

extension vgpu_device {
  fileprivate init(_ device: MdevDevice, user process: Int32?) {
    self.init()
    withUnsafeMutableBytes(of: &uuid) { _ = CText.write("\(device.uuid)", to: $0) }
    withUnsafeMutableBytes(of: &type) { _ = CText.write(device.type, to: $0) }
    withUnsafeMutableBytes(of: &parent) { _ = CText.write(device.parent, to: $0) }
    iommu_group = device.iommuGroup.flatMap(Int32.init(exactly:)) ?? -1
    user = process ?? 0
  }
}
