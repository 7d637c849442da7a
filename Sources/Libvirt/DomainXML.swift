// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// What is read of a domain's XML (libvirt, "Domain XML format").
enum DomainXML {
  private static let hostdev = ["domain", "devices", "hostdev"]
  private static let address = hostdev + ["source", "address"]

  /// The mediated devices of `<hostdev mode='subsystem' type='mdev'>`, in order. Elements of the
  /// same name elsewhere, as in `<metadata>`, are none.
  static func mdevs(in xml: [UInt8]) throws(XMLScanner.Defect) -> [MdevUUID] {
    var scanner = XMLScanner(xml)
    var path: [String] = []
    var isMdev = false
    var found: [MdevUUID] = []
    while let tag = try scanner.next() {
      switch tag {
      case .start(let name, let attributes):
        path.append(name)
        if path.count == 1, name != "domain" { throw scanner.defect("<\(name)>, no <domain>") }
        if path == hostdev { isMdev = attributes["type"] == "mdev" }
        if isMdev, path == address {
          let text = attributes["uuid"] ?? ""
          guard let uuid = MdevUUID(text) else {
            throw scanner.defect("'\(text)', no mdev's UUID")
          }
          found.append(uuid)
        }
      case .end:
        _ = path.popLast()
      }
    }
    return found
  }
}
