// SPDX-License-Identifier: Apache-2.0

@testable import QEMU

extension Target {
  /// What lies at the beginning of a disk, which a guest may have written.
  static let qcow2 = Target(name: "qcow2") { bytes in
    _ = ImageSignature.format(of: bytes)
    guard let header = try? QCOW2Header(bytes) else { return }
    precondition(header.backing?.utf8.contains(0) != true)
    if case .external(let name?) = header.dataFile { precondition(!name.utf8.contains(0)) }
  }
}
