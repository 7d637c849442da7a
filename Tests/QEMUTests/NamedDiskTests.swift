// SPDX-License-Identifier: Apache-2.0

import Foundation
import QEMU
import TestSupport
import Testing

/// Disks as users name them, with images that qemu-img has made.
@Suite(.serialized, .onOwnThread) final class NamedDiskTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("disks-\(UUID().uuidString)").path

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func qemuImg(_ words: String...) throws {
    let answer = try Program.run(["env", "-C", folder, "qemu-img"] + words)
    try #require(answer.code == 0, "\(answer.text)")
  }

  @discardableResult
  private func write(_ name: String, _ bytes: [UInt8] = [UInt8](repeating: 0, count: 65536)) throws
    -> String
  {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    return "\(folder)/\(name)"
  }

  private func image(_ text: String) throws -> DiskImage {
    try NamedDisk(parsing: "\(folder)/\(text)").image()
  }

  private func refuses(
    _ text: String, _ reasons: String..., location: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: QEMUError.self, sourceLocation: location) { try self.image(text) }
    for reason in reasons {
      #expect(
        error?.description.contains(reason) == true, "\(error?.description ?? "")",
        sourceLocation: location)
    }
    #expect(error?.description.contains("\n") == false, sourceLocation: location)
  }

  @Test func formatIsWhatIsSaidOrWhatTheNameSays() throws {
    for name in ["a.img", "a.raw", "a.iso", "a", "a.qcow2.bak", "a.vmdk"] {
      try write(name)
      #expect(try image(name).format == .raw)
    }
    try qemuImg("create", "-q", "-f", "qcow2", "b.qcow2", "1M")
    try qemuImg("create", "-q", "-f", "qcow2", "B.QCOW2", "1M")
    try qemuImg("create", "-q", "-f", "qcow2", "-o", "compat=0.10", "old.img", "1M")
    for name in ["b.qcow2", "B.QCOW2", "old.img,format=qcow2", "b.qcow2,format=qcow2"] {
      #expect(try image(name).format == .qcow2)
    }
    #expect(try image("b.qcow2,format=raw").format == .raw)
    try write("a,b.img")
    try write(",")
    #expect(try image("a,,b.img").path == "\(folder)/a,b.img")
    #expect(try image(",,,format=raw").path == "\(folder)/,")
  }

  @Test func whatCannotBeUnderstoodIsSaid() {
    for (text, reason) in [
      ("", "names no file"), (",format=raw", "names no file"),
      ("a,format=", "cannot have this format"),
      ("a,format=vmdk", "format=raw or format=qcow2"), ("a,format=raw,format=raw", "give only one"),
      ("a,backing=", "names no file"), ("a,data-file", "names no file"),
      ("a,data-file=b,data-file=c", "name only one"),
      ("a,b.img", "double each comma in a file's name"),
      ("a,", "no such property"), ("a,snapshot=on", "no such property"),
    ] {
      let error = #expect(throws: QEMUError.self) { try NamedDisk(parsing: text) }
      #expect(error?.description.contains(reason) == true, "\(text): \(error as Any)")
    }
  }

  @Test func headersThatContradictAreRefused() throws {
    try qemuImg("create", "-q", "-f", "qcow2", "image", "1M")
    refuses(
      "image", "begins like a qcow2 image", "add format=raw after its name", "add format=qcow2")
    #expect(try image("image,format=raw").format == .raw)
    for format in ["qed", "vmdk", "vdi", "vhdx", "vpc", "parallels"] {
      try qemuImg("create", "-q", "-f", format, "\(format).img", "1M")
      refuses("\(format).img", "begins like a \(format) image", "qemu-img convert -f \(format)")
      #expect(try image("\(format).img,format=raw").format == .raw)
    }
    try write("raw.qcow2")
    refuses("raw.qcow2", "is no qcow2 image", "format=raw")
    refuses("raw.qcow2,format=raw,backing=\(folder)/image", "no backing file and no data file")
    refuses("raw.qcow2,format=raw,data-file=\(folder)/image", "no backing file and no data file")
  }

  @Test func whatIsNoDiskIsRefused() throws {
    refuses("none", "No such file")
    refuses("", "neither a file nor a block device")
    try #require(mkfifo("\(folder)/fifo", 0o600) == 0)
    refuses("fifo", "neither a file nor a block device")
    let error = #expect(throws: QEMUError.self) { try NamedDisk(parsing: "/dev/zero").image() }
    #expect(error?.description.contains("neither a file nor") == true)
  }

  @Test func chainsAreNamedDownToTheLastImage() throws {
    try write("base")
    try write("other")
    try qemuImg("create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw", "middle.qcow2")
    // By an absolute name, and of another format than its name says.
    try qemuImg(
      "create", "-q", "-f", "qcow2", "-b", "\(folder)/middle.qcow2", "-F", "qcow2", "top")
    let (top, middle, base) = ("top,format=qcow2", "middle.qcow2", "base")
    refuses(top, "names the backing file \"\(folder)/middle.qcow2\"", "add backing=FILE")
    refuses("\(top),backing=\(folder)/\(middle)", "middle.qcow2: ", "backing file \"base\"")
    let chain = try image("\(top),backing=\(folder)/\(middle),backing=\(folder)/\(base)")
    #expect(
      chain
        == DiskImage(
          path: "\(folder)/top", format: .qcow2,
          backing: [
            DiskImage(path: "\(folder)/\(middle)", format: .qcow2),
            DiskImage(path: "\(folder)/\(base)", format: .raw),
          ]))
    // Another name of the same file is as good.
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder)/link", withDestinationPath: "\(folder)/base")
    #expect(try image("\(middle),backing=\(folder)/link").backing.count == 1)
    refuses("\(middle),backing=\(folder)/other", "not \(folder)/other", "rebase -u")
    refuses("\(middle),backing=\(folder)/none", "no such file")
    refuses("\(middle),backing=\(folder)/base,backing=\(folder)/other", "no backing file")
    try qemuImg("create", "-q", "-f", "qcow2", "alone.qcow2", "1M")
    refuses("alone.qcow2,backing=\(folder)/base", "names no backing file; leave backing= out")
    refuses("alone.qcow2,data-file=\(folder)/base", "names no data file; leave data-file= out")
  }

  @Test func dataFilesAreNamed() throws {
    try qemuImg(
      "create", "-q", "-f", "qcow2", "-o", "data_file=\(folder)/data", "a.qcow2", "1M")
    refuses("a.qcow2", "names the data file \"\(folder)/data\"", "add data-file=FILE")
    #expect(try image("a.qcow2,data-file=\(folder)/data").dataFile == "\(folder)/data")
    try write("other")
    refuses("a.qcow2,data-file=\(folder)/other", "not \(folder)/other")
    refuses("a.qcow2,data-file=\(folder)/none", "no such file")
    try qemuImg("create", "-q", "-f", "qcow2", "-o", "data_file=near", "b.qcow2", "1M")
    #expect(try image("b.qcow2,data-file=\(folder)/near").dataFile == "\(folder)/near")
    // Each file's belongs to the one before it.
    try qemuImg(
      "create", "-q", "-f", "qcow2", "-b", "a.qcow2", "-F", "qcow2", "-u", "c.qcow2", "1M")
    let backing = "c.qcow2,backing=\(folder)/a.qcow2"
    refuses(backing, "a.qcow2: its header names the data file")
    #expect(
      try image("\(backing),data-file=\(folder)/data").backing.first?.dataFile == "\(folder)/data")
  }

  @Test(arguments: [
    "nbd://host/x", "ssh://host/x", "https://host/x", "fat:rw:/etc", "file:/etc/passwd",
    "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}}",
  ])
  func protocolsAreNoFiles(name: String) throws {
    try qemuImg("create", "-q", "-f", "qcow2", "-u", "-b", name, "-F", "raw", "a.qcow2", "1M")
    refuses("a.qcow2", "names the backing file \(name.debugDescription)", "no plain file")
    refuses("a.qcow2,backing=\(try write("x"))", "no plain file")
  }
}
