// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

/// A descriptor of a process is looked at twice, and its owner can put another file in its place in
/// between: what was seen must be of one file.
@Suite struct FileStatusTests {
  /// A folder like `/proc/PID`, whose descriptor 3 is `/dev/null`.
  private func status(_ fdinfo: String) throws -> FileStatus? {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("process-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["fd", "fdinfo"] {
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent(name), withIntermediateDirectories: true)
    }
    try FileManager.default.createSymbolicLink(
      atPath: folder.appendingPathComponent("fd/3").path, withDestinationPath: "/dev/null")
    try Data(fdinfo.utf8).write(to: folder.appendingPathComponent("fdinfo/3"))
    return FileTree.status(ofDescriptor: "3", in: folder.path)
  }

  /// What the kernel says of `/dev/null` that this process has opened.
  private func ownLines() throws -> [String: String] {
    let file = try OwnedFileDescriptor.open("/dev/null", flags: O_RDONLY)
    let text = try String(contentsOfFile: "/proc/self/fdinfo/\(file.rawValue)", encoding: .utf8)
    return Dictionary(
      uniqueKeysWithValues: text.split(separator: "\n").map {
        let parts = $0.split(separator: ":", maxSplits: 1).map(String.init)
        return (parts[0], parts[1].trimmingCharacters(in: .whitespaces))
      })
  }

  @Test func bothLooksMustBeOfOneFile() throws {
    let own = try ownLines()
    let (mount, inode) = (try #require(own["mnt_id"]), try #require(own["ino"]))
    let null = FileStatus.characterDevice(DeviceNumber(major: 1, minor: 3))
    func lines(flags: String = "0100000", mount: String, inode: String) -> String {
      "pos:\t0\nflags:\t\(flags)\nmnt_id:\t\(mount)\nino:\t\(inode)\n"
    }
    #expect(try status(lines(mount: mount, inode: inode)) == null)
    #expect(try status(lines(mount: mount, inode: "1\(inode)")) == .other)
    #expect(try status(lines(mount: "9\(mount)", inode: inode)) == .other)
    #expect(try status(lines(flags: "010000000", mount: mount, inode: inode)) == .other, "O_PATH")
    // What a driver adds comes later and does not count.
    #expect(
      try status(lines(mount: mount, inode: inode) + "flags:\t010000000\nino:\t1\n") == null)
    #expect(
      try status("pos:\t0\nflags:\t0100000\nmnt_id:\t\(mount)\n") == null, "Linux before 5.14")
    #expect(try status("") == .other)
    #expect(try status("flags:\tnone\n") == .other)
  }
}
