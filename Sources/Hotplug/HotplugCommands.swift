// SPDX-License-Identifier: Apache-2.0

import QMP

/// `device_add`: adds a device to QEMU. The other members are the driver's properties.
struct DeviceAdd: QMPCommand {
  static let name = "device_add"
  let members: [String: JSONValue]

  init(_ driver: String, id: String, _ properties: [String: JSONValue] = [:]) {
    members = properties.merging(["driver": .string(driver), "id": .string(id)]) { $1 }
  }

  func encode(to encoder: any Encoder) throws { try JSONValue.object(members).encode(to: encoder) }
}

/// `device_del`: asks the guest to release a device. The device is gone when the guest has released
/// it.
struct DeviceDel: QMPCommand {
  static let name = "device_del"
  let id: String
}

/// `blockdev-add`: opens a device node of the host.
struct BlockdevAdd: QMPCommand {
  static let name = "blockdev-add"
  let members: [String: JSONValue]

  init(nodeName: String, hostDevice: String, isReadOnly: Bool) {
    members = [
      "driver": "host_device", "node-name": .string(nodeName), "filename": .string(hostDevice),
      "read-only": .bool(isReadOnly),
    ]
  }

  func encode(to encoder: any Encoder) throws { try JSONValue.object(members).encode(to: encoder) }
}

/// `blockdev-del`: closes the node.
struct BlockdevDel: QMPCommand {
  static let name = "blockdev-del"
  let nodeName: String

  private enum CodingKeys: String, CodingKey { case nodeName = "node-name" }
}

/// `qom-set`: sets a property of a QEMU object.
struct QOMSet: QMPCommand {
  static let name = "qom-set"
  let path: String
  let property: String
  let value: Bool
}
