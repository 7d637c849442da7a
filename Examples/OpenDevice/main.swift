// SPDX-License-Identifier: Apache-2.0
//
// A VM manager's way with a device, without QEMU: KVM knows of it, the guest's memory is mapped for its DMA, its
// registers are mapped, its interrupt reaches the guest, and its screen is looked at. All ends with the program.
//
//     swift run open-device group NUMBER NAME      such as: group 12 0000:03:02.1, or a vGPU's UUID
//     swift run open-device cdev /dev/vfio/devices/vfio0

import CLinux
import Foundation
import LinuxSystem
import VFIO

/// What the user reads when it does not work: one line.
struct Failure: Error, CustomStringConvertible {
  let description: String
}

/// A virtual machine of KVM's. A manager has one; where there is no KVM, this program goes on without.
final class Machine {
  private let fd: OwnedFileDescriptor
  let files: KVMFiles
  let interrupts: KVMInterrupts

  init?() throws {
    guard let kvm = try? OwnedFileDescriptor.open("/dev/kvm", flags: O_RDWR) else { return nil }
    let machine = vgpu_ioctl(kvm.rawValue, vgpu_KVM_CREATE_VM, nil)
    guard machine >= 0 else { return nil }
    fd = OwnedFileDescriptor(owning: Int32(machine))
    // Without a controller of KVM's there are no lines to raise.
    guard vgpu_ioctl(fd.rawValue, vgpu_KVM_CREATE_IRQCHIP, nil) >= 0 else { return nil }
    files = try KVMFiles(ofMachine: fd.rawValue)
    interrupts = KVMInterrupts(ofMachine: fd.rawValue)
  }
}

/// The guest's memory, 16 MiB from address 0.
func guestMemory() throws -> [DMAMapping] {
  let size = 16 << 20
  guard
    let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
    start != MAP_FAILED
  else { throw Failure(description: "no memory for the guest") }
  return [DMAMapping(UnsafeMutableRawBufferPointer(start: start, count: size), at: 0)]
}

/// The older interface: a group of devices that an IOMMU cannot tell apart, in a container.
func openInGroup(_ number: Int, _ name: String, _ machine: Machine?) throws {
  let container = try Container()
  let group = try Group(number: number)
  guard try group.status().contains(.viable) else {
    throw Failure(
      description: "group \(number): the host uses a device of it; bind all of them to vfio-pci")
  }
  // KVM must know the group before the device is opened: Intel GVT-g asks for the machine then.
  try machine?.files.add(group.rawValue)
  try group.setContainer(container)
  try container.setIOMMU(.type1v2)
  try container.mapDMA(try guestMemory())
  try use(try group.device(named: name), machine)
}

/// The newer one, since Linux 6.6: the device's own node, and an iommufd.
func openNode(_ path: String, _ machine: Machine?) throws {
  let iommufd = try IOMMUFD()
  let node = try DeviceNode(path: path)
  try machine?.files.add(node.rawValue)
  let device = try node.bind(to: iommufd)
  let space = try iommufd.makeAddressSpace()
  try device.attach(to: space)
  try iommufd.map(try guestMemory(), in: space)
  try use(device, machine)
}

func use(_ device: borrowing Device, _ machine: Machine?) throws {
  print("KVM: \(machine == nil ? "none" : "knows the device")")
  if device.info.flags.contains(.reset) { try device.reset() }
  let config = try device.regionInfo(PCIRegion.config)
  let id = try device.read(config, at: 0, as: UInt32.self)
  print("device: vendor \(id & 0xffff), device \(id >> 16)")
  for index in 0..<UInt32(6) {
    let bar = try device.regionInfo(PCIRegion.bar(index))
    guard bar.size > 0 else { continue }
    // Those that cannot be mapped are read and written by calls.
    let isMapped = bar.flags.contains(.map) && (try? device.map(bar, access: .readWrite)) != nil
    print("BAR \(index): \(bar.size) bytes, \(isMapped ? "mapped" : "not mapped")")
  }
  try connectInterrupt(of: device, machine)
  try look(at: device)
}

/// The device's best interrupt: a message where it has some, else its line.
func connectInterrupt(of device: borrowing Device, _ machine: Machine?) throws {
  for index in [PCIInterrupt.msix, PCIInterrupt.msi, PCIInterrupt.intx] {
    guard index < device.info.interruptCount,
      case let info = try device.interruptInfo(index), info.count > 0,
      info.flags.contains(.eventFD)
    else { continue }
    let raised = try event()
    let served = try event()
    let isLevel = index == PCIInterrupt.intx
    try device.setInterrupts(index, eventFDs: [raised.rawValue])
    if isLevel {
      try device.setInterrupts(index, action: .unmask, eventFDs: [served.rawValue])
    }
    // A manager takes the line from the guest's own set-up of the device.
    let line: UInt32 = 10
    try machine?.interrupts.connect(
      raised.rawValue, to: line, resample: isLevel ? served.rawValue : nil)
    // VFIO signals it as the device would.
    try device.setInterrupts(index, 0..<1, action: .trigger)
    var count: UInt64 = 0
    let hasCome = read(raised.rawValue, &count, MemoryLayout<UInt64>.size) > 0
    print("interrupt: index \(index) of \(info.count), \(hasCome ? "came" : "went to the guest")")
    try machine?.interrupts.disconnect(raised.rawValue, from: line)
    return try device.disableInterrupts(index)
  }
  print("interrupt: none")
}

func event() throws -> OwnedFileDescriptor {
  let number = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
  guard number >= 0 else { throw Failure(description: "no descriptors left") }
  return OwnedFileDescriptor(owning: number)
}

/// What the guest shows, as a dma-buf or as a part of a region.
func look(at device: borrowing Device) throws {
  let display = try device.displayDevice()
  guard let transport = try display.transport() else { return print("screen: none") }
  let plane = try display.query(.primary, transport)
  guard !plane.isOff else { return print("screen: off") }
  if case .dmaBuf = transport { _ = try display.dmaBuf(plane.handle) }
  print("screen: \(plane.width)x\(plane.height), as a \(transport)")
}

do {
  let words = Array(CommandLine.arguments.dropFirst())
  let machine = try Machine()
  switch (words.first, words.count) {
  case ("group", 3):
    guard let number = Int(words[1]) else { throw Failure(description: "\(words[1]): no number") }
    try openInGroup(number, words[2], machine)
  case ("cdev", 2): try openNode(words[1], machine)
  default: throw Failure(description: "usage: open-device group NUMBER NAME | cdev PATH")
  }
} catch {
  FileHandle.standardError.write(Data("open-device: \(error)\n".utf8))
  exit(1)
}
