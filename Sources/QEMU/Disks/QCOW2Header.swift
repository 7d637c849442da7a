// SPDX-License-Identifier: Apache-2.0

/// The other files that a qcow2 image's header names (QEMU's docs/interop/qcow2). The header is not
/// trusted, because a guest may have written it.
///
/// It has QEMU's own limits: a header that QEMU would not open is an error, so that both read the
/// same names.
struct QCOW2Header: Equatable {
  /// The file with the guest's data.
  enum DataFile: Equatable {
    /// The image itself.
    case none
    /// Another file, with this name. The name can be missing.
    case external(String?)
  }

  /// Why the bytes are no header.
  enum Defect: Error, Equatable {
    case noMagic
    case version(UInt32)
    case clusterSize
    case length
    case backingName
    case extensions
    case dataName
  }

  /// The name of the backing image.
  let backing: String?
  let dataFile: DataFile

  /// The first bytes of every image.
  static let magic: [UInt8] = [0x51, 0x46, 0x49, 0xFB]
  /// The largest first cluster, in bytes. The first cluster holds the header and all names.
  static let limit = 1 << 21

  private static let longestBackingName = 1023
  private static let hasDataFile: UInt64 = 1 << 2
  private static let endOfExtensions: UInt32 = 0
  private static let dataFileName: UInt32 = 0x4441_5441

  /// - Parameter bytes: the file's first `limit` bytes, or all bytes of a shorter file.
  init(_ bytes: [UInt8]) throws(Defect) {
    let bytes = bytes[...]
    guard bytes.starts(with: Self.magic), let version = bytes.bigEndian(UInt32.self, at: 4) else {
      throw .noMagic
    }
    guard (2...3).contains(version) else { throw .version(version) }
    guard let backingOffset = bytes.bigEndian(UInt64.self, at: 8),
      let backingSize = bytes.bigEndian(UInt32.self, at: 16),
      let clusterBits = bytes.bigEndian(UInt32.self, at: 20), bytes.count >= 72
    else { throw .length }
    guard (9...21).contains(clusterBits) else { throw .clusterSize }
    let clusterSize = 1 << Int(clusterBits)

    var features: UInt64 = 0
    var length = 72
    if version == 3 {
      guard let incompatible = bytes.bigEndian(UInt64.self, at: 72),
        let claimed = bytes.bigEndian(UInt32.self, at: 100), claimed >= 104,
        claimed <= clusterSize
      else { throw .length }
      features = incompatible
      length = Int(claimed)
    }

    guard let start = Int(exactly: backingOffset), start <= clusterSize else {
      throw .backingName
    }
    if start == 0 || backingSize == 0 {
      backing = nil
    } else {
      guard backingSize <= min(Self.longestBackingName, clusterSize - start),
        let name = bytes.text(at: start, count: Int(backingSize))
      else { throw .backingName }
      backing = name
    }

    let name = try Self.dataFileName(
      in: bytes, from: length, to: start == 0 ? clusterSize : start)
    dataFile = features & Self.hasDataFile == 0 ? .none : .external(name)
  }

  /// Reads the extensions between the header and the backing file's name.
  private static func dataFileName(
    in bytes: ArraySlice<UInt8>, from start: Int, to end: Int
  ) throws(Defect) -> String? {
    var name: String?
    var offset = start
    while offset < end {
      // The end of the file ends the extensions, because QEMU reads zeros behind it.
      guard let type = bytes.bigEndian(UInt32.self, at: offset),
        let size = bytes.bigEndian(UInt32.self, at: offset + 4), type != endOfExtensions
      else { break }
      offset += 8
      guard offset <= end, Int(size) <= end - offset else { throw .extensions }
      if type == dataFileName {
        // Refuse a second name, because it is not known which one QEMU takes.
        guard name == nil, let text = bytes.text(at: offset, count: Int(size)) else {
          throw .dataName
        }
        name = text
      }
      offset += (Int(size) + 7) & ~7
    }
    return name
  }
}

extension QCOW2Header.Defect: CustomStringConvertible {
  var description: String {
    switch self {
    case .noMagic: "it does not begin as one"
    case .version(let version): "its header is of version \(version), not 2 or 3"
    case .clusterSize: "its header has an impossible cluster size"
    case .length: "its header is cut off"
    case .backingName: "its header has no readable name of a backing file where it should"
    case .extensions: "its header's extensions do not fit into it"
    case .dataName: "its header has no single readable name of a data file"
    }
  }
}

extension ArraySlice<UInt8> {
  /// A number at an offset from the slice's start; `nil` when the slice is too short.
  fileprivate func bigEndian<Number: FixedWidthInteger & UnsignedInteger>(
    _: Number.Type, at offset: Int
  ) -> Number? {
    let size = Number.bitWidth / 8
    guard offset >= 0, count >= size, offset <= count - size else { return nil }
    return dropFirst(offset).prefix(size).reduce(0) { $0 << 8 | Number($1) }
  }

  /// A file's name: UTF-8 without a zero byte, because a zero byte would end the name in QEMU.
  fileprivate func text(at offset: Int, count size: Int) -> String? {
    guard offset >= 0, size >= 0, size <= count, offset <= count - size else { return nil }
    let bytes = dropFirst(offset).prefix(size)
    return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
  }
}

/// The disk image formats that QEMU would recognise by a file's first bytes.
///
/// They do not decide the format. They only show that the user should check it.
enum ImageSignature {
  private static let known: [(name: String, offset: Int, bytes: [UInt8])] = [
    // Version 1 is another format with the same magic number.
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

  /// The number of bytes to read from a file.
  static let limit = 68

  /// QEMU's name for the format that a file begins like; `nil` for any other beginning.
  static func format(of bytes: some Collection<UInt8>) -> String? {
    known.first { bytes.dropFirst($0.offset).starts(with: $0.bytes) }?.name
  }
}
