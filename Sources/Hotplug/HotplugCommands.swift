// SPDX-License-Identifier: Apache-2.0

import QMP

/// `device_add`: connects a device of QEMU's; its members are the driver's properties.
struct DeviceAdd: QMPCommand {
  static let name = "device_add"
  let members: [String: JSONValue]

  init(_ driver: String, id: String, _ properties: [String: JSONValue] = [:]) {
    members = properties.merging(["driver": .string(driver), "id": .string(id)]) { $1 }
  }

  func encode(to encoder: any Encoder) throws { try JSONValue.object(members).encode(to: encoder) }
}

/// `device_del`: asks the guest to let go of a device, which is gone when it has.
struct DeviceDel: QMPCommand {
  static let name = "device_del"
  let id: String
}

/// `blockdev-add`: opens a node of the host's.
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

/// `blockdev-del`: closes it.
struct BlockdevDel: QMPCommand {
  static let name = "blockdev-del"
  let nodeName: String

  private enum CodingKeys: String, CodingKey { case nodeName = "node-name" }
}

/// `qom-list`: what an object of QEMU's has.
struct QOMList: QMPCommand {
  static let name = "qom-list"
  typealias Response = [Property]
  let path: String

  struct Property: Decodable, Sendable {
    let name: String
    let type: String
  }
}

/// `qom-set`: sets a property.
struct QOMSet: QMPCommand {
  static let name = "qom-set"
  let path: String
  let property: String
  let value: Bool
}
