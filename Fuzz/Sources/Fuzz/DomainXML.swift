// SPDX-License-Identifier: Apache-2.0

@testable import Libvirt

extension Target {
  /// A domain as libvirt's daemon describes it.
  static let domainXML = Target(name: "domain-xml") { bytes in
    do throws(XMLScanner.Defect) {
      _ = try DomainXML(bytes)
    } catch {
      precondition((0...bytes.count).contains(error.offset))
    }
  }
}
