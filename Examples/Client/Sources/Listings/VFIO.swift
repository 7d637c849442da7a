// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import VFIO

func managerByTheOlderInterface(number: Int, name: String) throws {
  let container = try Container()
  let group = try Group(number: number)
  try group.setContainer(container)
  try container.setIOMMU(.type1v2)
  let device = try group.device(named: name)
  print(device.info.flags)
}

func managerByTheNewerInterface(node: String) throws {
  let iommufd = try IOMMUFD()
  let device = try Device(cdev: node, iommufd: iommufd)
  try device.attach(to: try iommufd.makeAddressSpace())
}

func viewer(pid: Int32, descriptor: Int32) throws {
  let process = try RunningProcess(pid)
  let device = try Device(duplicating: descriptor, of: process, name: "the guest")
  let display = try device.displayDevice()
  let plane = try display.query(.primary, .dmaBuf)
  let buffer = try display.dmaBuf(plane.handle)
  print(buffer.rawValue)
}
