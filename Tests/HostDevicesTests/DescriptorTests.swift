// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestSupport
import Testing

/// Which device a descriptor is of, as the kernel tells it.
@Suite struct DescriptorTests {
  private let device = "/sys/devices/virtual/mbochs/mbochs/\(SysfsTree.uuid1)"

  @Test func ownNodeHasANumber() throws {
    let tree = try SysfsTree()
    // Any character device will do for one: this is 1:3.
    let null = try FileHandle(forReadingFrom: URL(filePath: "/dev/null"))
    #expect(tree.host.deviceName(ofDescriptor: null.fileDescriptor) == nil)
    try tree.folder("\(device)/vfio-dev/vfio0")
    try tree.link("/sys/dev/char/1:3", to: "\(device)/vfio-dev/vfio0")
    #expect(tree.host.deviceName(ofDescriptor: null.fileDescriptor) == "\(SysfsTree.uuid1)")
  }

  @Test func otherCharacterDevicesHaveNoName() throws {
    let tree = try SysfsTree()
    let null = try FileHandle(forReadingFrom: URL(filePath: "/dev/null"))
    try tree.folder("/sys/devices/virtual/mem/null")
    try tree.link("/sys/dev/char/1:3", to: "/sys/devices/virtual/mem/null")
    #expect(tree.host.deviceName(ofDescriptor: null.fileDescriptor) == nil)
  }

  @Test func deviceOfAGroupTellsItsFolder() throws {
    let tree = try SysfsTree()
    let pipe = Pipe()
    let number = pipe.fileHandleForReading.fileDescriptor
    let file = "/proc/self/fdinfo/\(number)"
    #expect(tree.host.deviceName(ofDescriptor: number) == nil)
    try tree.file(file, "pos:\t0\nflags:\t02000002\n")
    #expect(tree.host.deviceName(ofDescriptor: number) == nil)
    try tree.file(file, "pos:\t0\nflags:\t02000002\nvfio-device-syspath: \(device)\n")
    // A dma-buf's name is its user's to choose, line ends and all.
    try tree.rawLink("/proc/self/fd/\(number)", to: "/dmabuf:x\nvfio-device-syspath: \(device)")
    #expect(tree.host.deviceName(ofDescriptor: number) == nil)
    try tree.remove("/proc/self/fd/\(number)")
    try tree.rawLink("/proc/self/fd/\(number)", to: "anon_inode:[vfio-device]")
    #expect(tree.host.deviceName(ofDescriptor: number) == "\(SysfsTree.uuid1)")
    try tree.file(file, "vfio-device-syspath: \n")
    #expect(tree.host.deviceName(ofDescriptor: number) == nil)
    #expect(tree.host.deviceName(ofDescriptor: -1) == nil)
  }
}
