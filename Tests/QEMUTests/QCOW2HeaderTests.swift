// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import QEMU

/// Headers as QEMU's docs/interop/qcow2 has them, and all that they must not be.
@Suite struct QCOW2HeaderTests {
  /// A header of version 3 with clusters of 64 KiB, unless it says otherwise.
  struct Draft {
    var version: UInt32 = 3
    var backingOffset: UInt64 = 0
    var backingSize: UInt32 = 0
    var clusterBits: UInt32 = 16
    var incompatible: UInt64 = 0
    var length: UInt32 = 104
    var extensions: [(type: UInt32, bytes: [UInt8])] = []
    var backing: String?

    /// Where the extensions begin in version 2, which has no length.
    var bytes: [UInt8] {
      var all: [UInt8] = [0x51, 0x46, 0x49, 0xFB]
      func add(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { all += $0 }
      }
      var tail: [UInt8] = []
      for (type, bytes) in extensions {
        withUnsafeBytes(of: type.bigEndian) { tail += $0 }
        withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { tail += $0 }
        tail += bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
      }
      tail += [UInt8](repeating: 0, count: 8)
      let start = version == 2 ? 72 : 104
      add(version)
      add(backing == nil ? backingOffset : UInt64(start + tail.count))
      add(backing.map { UInt32($0.utf8.count) } ?? backingSize)
      add(clusterBits)
      all += [UInt8](repeating: 0, count: 72 - all.count)
      if version != 2 {
        add(incompatible)
        all += [UInt8](repeating: 0, count: 100 - all.count)
        add(length)
      }
      return all + tail + Array((backing ?? "").utf8)
    }
  }

  private func header(_ change: (inout Draft) -> Void) throws -> QCOW2Header {
    var draft = Draft()
    change(&draft)
    return try QCOW2Header(draft.bytes)
  }

  private func refuses(
    _ defect: QCOW2Header.Defect, _ location: SourceLocation = #_sourceLocation,
    _ change: (inout Draft) -> Void
  ) {
    #expect(throws: defect, sourceLocation: location) { try header(change) }
  }

  @Test func namesAreRead() throws {
    for version in [UInt32(2), 3] {
      let plain = try header { $0.version = version }
      #expect(plain.backing == nil && plain.dataFile == .none)
      let backed = try header {
        $0.version = version
        $0.backing = "/base, ü.img"
        $0.extensions = [(0xE279_2ACA, Array("raw".utf8)), (0x1234_5678, [1, 2, 3])]
      }
      #expect(backed.backing == "/base, ü.img" && backed.dataFile == .none)
    }
    let external = try header {
      $0.incompatible = 4
      $0.extensions = [(0x1234_5678, [1]), (0x4441_5441, Array("data".utf8))]
    }
    #expect(external.dataFile == .external("data"))
    #expect(try header { $0.incompatible = 4 }.dataFile == .external(nil))
    // Without the feature's bit QEMU reads the name and opens nothing.
    #expect(
      try header { $0.extensions = [(0x4441_5441, Array("data".utf8))] }.dataFile == .none)
    // Of no length: none.
    #expect(try header { $0.backingOffset = 300 }.backing == nil)
    #expect(try header { $0.clusterBits = 21 }.backing == nil)
  }

  @Test func whatQEMUWouldNotOpenIsRefused() {
    #expect(throws: QCOW2Header.Defect.noMagic) { try QCOW2Header([]) }
    #expect(throws: QCOW2Header.Defect.noMagic) { try QCOW2Header([0x51, 0x46, 0x49, 0xFB]) }
    #expect(throws: QCOW2Header.Defect.length) {
      try QCOW2Header(Array(Draft().bytes.prefix(71)))
    }
    #expect(throws: QCOW2Header.Defect.length) {
      try QCOW2Header(Array(Draft().bytes.prefix(103)))
    }
    for version in [UInt32(0), 1, 4, .max] { refuses(.version(version)) { $0.version = version } }
    for bits in [UInt32(0), 8, 22, .max] { refuses(.clusterSize) { $0.clusterBits = bits } }
    for length in [UInt32(0), 103, 65537, .max] { refuses(.length) { $0.length = length } }
    refuses(.backingName) {
      $0.backingOffset = 65537
      $0.backingSize = 1
    }
    refuses(.backingName) {
      $0.backingOffset = .max
      $0.backingSize = 1
    }
    // Longer than a name may be, than the cluster, than the file.
    for (offset, size) in [(104, 1024), (65535, 2), (104, 1023), (104, .max)] as [(UInt64, UInt32)]
    {
      refuses(.backingName) {
        $0.backingOffset = offset
        $0.backingSize = size
      }
    }
    refuses(.backingName) { $0.backing = "base\0.img" }
    refuses(.extensions) { $0.extensions = [(0x1234_5678, [UInt8](repeating: 1, count: 65536))] }
    refuses(.dataName) {
      $0.extensions = [(0x4441_5441, Array("a".utf8)), (0x4441_5441, Array("b".utf8))]
    }
    refuses(.dataName) { $0.extensions = [(0x4441_5441, [0xFF])] }
  }

  /// Nothing that a guest can write ends the program.
  @Test func damagedHeadersAreErrors() {
    var random = SeededGenerator(seed: 12)
    var draft = Draft()
    draft.incompatible = 4
    draft.backing = "base.img"
    draft.extensions = [(0xE279_2ACA, Array("raw".utf8)), (0x4441_5441, Array("data".utf8))]
    let good = draft.bytes
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        bytes[Int.random(in: 4..<bytes.count, using: &random)] =
          Bool.random(using: &random) ? 0xFF : UInt8.random(in: 0...255, using: &random)
      }
      _ = try? QCOW2Header(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))))
      _ = try? QCOW2Header(bytes)
    }
  }

  @Test func otherFormatsAreKnownByTheirBeginning() {
    for (text, name) in [
      ("QFI\u{FB}\0\0\0\u{1}", "qcow"), ("QFI\u{FB}\0\0\0\u{3}", "qcow2"), ("QED\0", "qed"),
      ("KDMV", "vmdk"), ("COWD", "vmdk"), ("# Disk DescriptorFile\n", "vmdk"),
      (String(repeating: "-", count: 64) + "\u{7F}\u{10}\u{DA}\u{BE}", "vdi"),
      ("vhdxfile", "vhdx"), ("conectix", "vpc"), ("WithoutFreeSpace", "parallels"),
      ("LUKS\u{BA}\u{BE}\0\u{2}", "luks"), ("QFI", nil), ("", nil), ("\0\0\0\0", nil),
    ] as [(String, String?)] {
      let bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
      #expect(ImageSignature.format(of: bytes) == name, "\(text.debugDescription)")
    }
  }
}
