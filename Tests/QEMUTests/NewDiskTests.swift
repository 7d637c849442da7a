// SPDX-License-Identifier: Apache-2.0

import Foundation
import QEMU
import TestSupport
import Testing

/// Disks that are made for a guest, by the real qemu-img.
@Suite(.needs("qemu-system-x86_64", "qemu-img"), .serialized, .onOwnThread) struct NewDiskTests {
  private func make(_ text: String) throws -> NewDisk {
    try NewDisk(try NamedDisk(parsing: text), for: try QEMUProgram.probe())
  }

  @Test func sizesAreRead() {
    for (text, bytes) in [
      ("1M", 1 << 20), ("64G", 64 << 30), ("64g", 64 << 30), ("2T", 2 << 40), ("64T", 64 << 40),
    ] {
      #expect(DiskSize(text)?.bytes == bytes)
      #expect(DiskSize(text)?.description == text.uppercased())
    }
    #expect(DiskSize("2048M")?.description == "2G" && DiskSize("1024G")?.description == "1T")
    for text in [
      "", "G", "64", "0G", "-1G", "+1G", "1.5G", "64GB", " 1G", "65T", "4294967295T", "1K", "٣G",
      "99999999999999999999G",
    ] { #expect(DiskSize(text) == nil, "\(text)") }
  }

  @Test func disksAreNamedWithTheirSize() throws {
    let disk = try NamedDisk(parsing: "a,,b.qcow2,size=64G")
    #expect(disk.path == "a,b.qcow2" && disk.newSize == DiskSize("64G"))
    #expect(try NamedDisk(parsing: "a.img").newSize == nil)
    #expect(try NamedDisk(parsing: "a,size=1G,format=qcow2").format == .qcow2)
    for (text, reason) in [
      ("a,size=64", "such as size=64G"), ("a,size=1G,size=1G", "has a size already"),
      ("a.qcow2,size=1G,backing=b", "a new disk has no other file"),
      ("a.qcow2,backing=b,size=1G", "a new disk has no other file"),
      ("a.qcow2,data-file=b,size=1G", "a new disk has no other file"),
    ] {
      let error = #expect(throws: QEMUError.self) { try NamedDisk(parsing: text) }
      #expect(error?.description.contains(reason) == true, "\(text): \(String(describing: error))")
    }
  }

  @Test(arguments: ["a disk.qcow2", "b.img", "nbd:c.qcow2", "-d.img", "e,f.qcow2"])
  func diskIsMadeAndRemoved(name: String) throws {
    try Printed.withFolder { folder in
      let path = "\(folder.path)/\(name)"
      let text = path.replacing(",", with: ",,")
      let disk = try make("\(text),size=3G")
      #expect(disk.path == path && !disk.canOutgrow == (disk.freeBytes ?? 0 >= 3 << 30))
      let image = try NamedDisk(parsing: text).image()
      #expect(image.format == (name.hasSuffix(".qcow2") ? .qcow2 : .raw))
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
      #expect(mode as? Int == 0o600)
      let told = try Program.run(
        ["qemu-img", "info", "--output=json", "file:\(path)"])
      #expect(told.text.contains("\"virtual-size\": \(3 << 30)"), "\(told.text)")
      // An existing file is nobody's to change.
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path)).prefix(1 << 20)
      let error = #expect(throws: QEMUError.self) { try self.make("\(text),size=1G") }
      #expect(error?.description.hasPrefix("\(path): exists already; leave out size=") == true)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)).prefix(1 << 20) == bytes)
      disk.remove()
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
  }

  @Test func linksAndOtherFilesStay() throws {
    try Printed.withFolder { folder in
      let path = "\(folder.path)/disk.qcow2"
      try FileManager.default.createSymbolicLink(
        atPath: path, withDestinationPath: "\(folder.path)/target")
      #expect(throws: QEMUError.self) { try self.make("\(path),size=1G") }
      #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/target"))
      try FileManager.default.removeItem(atPath: path)
      let disk = try make("\(path),size=1G")
      // The new file keeps the old one's inode from being given again.
      try FileManager.default.moveItem(atPath: path, toPath: "\(folder.path)/moved")
      try Data("other".utf8).write(to: URL(fileURLWithPath: path))
      disk.remove()
      #expect(FileManager.default.contents(atPath: path) == Data("other".utf8))
      let error = #expect(throws: QEMUError.self) { try self.make("/no/such/disk.img,size=1G") }
      #expect(error?.description.contains("cannot be made: No such file") == true)
    }
  }

  /// A file system that cannot hold a file of this size: qemu-img fails, and nothing is left.
  @Test(.enabled(if: geteuid() == 0, "only root can mount a file system"))
  func fullFileSystemIsSaid() throws {
    try Printed.withFolder { folder in
      let mounted = try Program.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder.path])
      try #require(mounted.code == 0, "\(mounted.text)")
      defer { _ = try? Program.run(["umount", folder.path]) }
      let small = try make("\(folder.path)/small.img,size=1G")
      #expect(small.canOutgrow && small.freeBytes ?? .max <= 64 << 10)
      let error = #expect(throws: QEMUError.self) {
        try self.make("\(folder.path)/disk.qcow2,size=1G")
      }
      #expect(error?.description.contains("qemu-img cannot make it: ") == true)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["small.img"])
    }
  }
}
