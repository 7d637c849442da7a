// SPDX-License-Identifier: Apache-2.0

/// Formats of disk images that QEMU would recognise by a file's first bytes.
///
/// They decide nothing: they only show that what a user has said, or not said, wants a second look.
enum ImageSignature {
  private static let known: [(name: String, offset: Int, bytes: [UInt8])] = [
    // Version 1 is another format with the same beginning.
    ("qcow", 0, QCOW2Header.magic + [0, 0, 0, 1]),
    ("qcow2", 0, QCOW2Header.magic),
    ("qed", 0, Array("QED\0".utf8)),
    ("vmdk", 0, Array("KDMV".utf8)),
    ("vmdk", 0, Array("COWD".utf8)),
    ("vmdk", 0, Array("# Disk DescriptorFile".utf8)),
    ("vdi", 64, [0x7F, 0x10, 0xDA, 0xBE]),
    ("vhdx", 0, Array("vhdxfile".utf8)),
    ("vpc", 0, Array("conectix".utf8)),
    ("parallels", 0, Array("WithoutFreeSpace".utf8)),
    ("parallels", 0, Array("WithouFreSpacExt".utf8)),
    ("bochs", 0, Array("Bochs Virtual HD Image".utf8)),
    ("cloop", 0, Array("#!/bin/sh\n#V2.0 Format\n".utf8)),
    ("luks", 0, Array("LUKS".utf8) + [0xBA, 0xBE]),
  ]

  /// How many bytes of a file are looked at.
  static let limit = 68

  /// What QEMU calls the format that a file begins as; `nil` for any other beginning.
  static func format(of bytes: some Collection<UInt8>) -> String? {
    known.first { bytes.dropFirst($0.offset).starts(with: $0.bytes) }?.name
  }
}
