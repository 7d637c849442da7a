// SPDX-License-Identifier: Apache-2.0

import Foundation
import QEMU
import QMP
import TestSupport
import Testing

/// Folders of the host's in a guest.
@Suite(.timeLimit(.minutes(15)), .serialized) struct SharedFolderTests {
  @Test func foldersAreRead() {
    #expect(SharedFolder("/a") == SharedFolder(path: "/a"))
    #expect(SharedFolder("/a:ro") == SharedFolder(path: "/a", isReadOnly: true))
    #expect(SharedFolder("/a:rw") == SharedFolder(path: "/a"))
    #expect(SharedFolder("/a:b:ro") == SharedFolder(path: "/a:b", isReadOnly: true))
    #expect(SharedFolder("/a:x") == SharedFolder(path: "/a:x"))
    #expect(SharedFolder("") == nil && SharedFolder(":ro") == nil && SharedFolder("a\0") == nil)
  }

  @Test func foldersAreChecked() throws {
    try Printed.withFolder { folder in
      let path = folder.path
      try Data().write(to: URL(fileURLWithPath: "\(path)/file"))
      try FileManager.default.createSymbolicLink(
        atPath: "\(path)/link", withDestinationPath: path)
      #expect(try SharedFolder(path: "\(path)/link").check() == path)
      for (name, reason) in [
        ("\(path)/none", "no such folder"), ("\(path)/file", "is no folder"),
        ("/", "contains every file"), ("/usr/..", "contains every file"),
      ] {
        let error = #expect(throws: QEMUError.self) { try SharedFolder(path: name).check() }
        #expect(error?.description.hasPrefix("\(name): \(reason)") == true, "\(name)")
      }
    }
  }

  @Test func tagsAreCleanAndDiffer() {
    #expect(
      FolderShare.tags(for: ["/a/docs", "/b/docs", "/c/my, docs", "/c/é", "/d/docs"]) == [
        "docs", "docs-2", "my__docs", "_", "docs-3",
      ])
    let long = FolderShare.tags(
      for: Array(repeating: "/\(String(repeating: "x", count: 99))", count: 8))
    #expect(Set(long).count == 8 && long.allSatisfy { $0.utf8.count <= 31 })
  }

  @Test func optionsOfBothWays() {
    var guest = GuestConfiguration(name: "guest")
    guest.shares = [
      FolderShare(path: "/a,b", tag: "a", isReadOnly: true, way: .plan9),
      FolderShare(path: "/c", tag: "c", isReadOnly: false, way: .virtiofs(socket: "/run/s,1")),
    ]
    var arguments = guest.arguments(.opensGroup)
    for word in [
      "local,id=fs0,path=/a,,b,security_model=mapped-xattr,multidevs=remap,readonly=on",
      "virtio-9p-pci,fsdev=fs0,mount_tag=a", "socket,id=fs1,path=/run/s,,1",
      "vhost-user-fs-pci,chardev=fs1,tag=c", "memory-backend-memfd,id=mem0,size=4096M,share=on",
      "q35,memory-backend=mem0",
    ] { #expect(arguments.contains(word), "\(word)") }
    guest.hugePages = HugePages(size: .twoMiB)
    arguments = guest.arguments(.opensGroup)
    #expect(arguments.contains { $0.hasPrefix("memory-backend-file,") && $0.contains("share=on") })
    guest.shares.removeLast()
    arguments = guest.arguments(.opensGroup)
    #expect(arguments.contains { $0.hasPrefix("memory-backend-file,") && $0.contains("share=off") })
    guest.hugePages = nil
    #expect(!guest.arguments(.opensGroup).contains { $0.contains("mem0") })
  }

  /// Linux reads and writes in one folder, and only reads in the other, by the real virtiofsd or by 9p.
  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs, [true, false])
  func linuxHasTheFolders(program: String, virtiofs: Bool) async throws {
    let disk = try #require(TestMachine.rigPart("secure"), "Rig/prepare secure") + "/disk.img"
    let server = try #require(TestMachine.rigPart("virtiofsd"), "Rig/prepare virtiofsd")
    let folder = URL(fileURLWithPath: "/tmp/vgpu-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    // User attributes are not everywhere; the package's folder has them.
    for name in ["both ways", "one"] {
      let shared = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: shared, withIntermediateDirectories: true)
      try Data("from the host: \(name)\n".utf8).write(
        to: shared.appendingPathComponent("from-host"))
    }
    try FileManager.default.copyItem(atPath: disk, toPath: "\(folder.path)/disk.img")
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let end = try Printed.run(
      "/usr/bin/env",
      [
        "PATH=\(virtiofs ? "\(server):" : "")\(path)", Printed.vgpu.path, "run", "--no-view",
        "--qemu", program, "--name", "guest", "--firmware", "uefi", "--memory", "512M", "--no-gl",
        "--no-kvm", "--cpus", "1", "--network", "none", "--disk", "\(folder.path)/disk.img",
        "--share",
        "\(folder.path)/both ways", "--share", "\(folder.path)/one:ro", "--", "-serial",
        "file:\(folder.path)/serial",
      ], in: folder)
    try #require(end.code == 0, "\(end.errors)")
    let pid = try #require(Int32(end.output.dropLast()))
    defer { kill(pid, SIGKILL) }
    let mount = virtiofs ? "mount -t virtiofs" : "mount -t 9p -o trans=virtio,version=9p2000.L"
    #expect(end.errors.contains("both ways: mount it in the guest, with: \(mount) both_ways /mnt"))
    #expect(end.errors.contains("one: mount it in the guest, read-only, with: \(mount) one /mnt"))
    func lines() -> [String] {
      let text = FileManager.default.contents(atPath: "\(folder.path)/serial") ?? Data()
      return String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
        .map(String.init)
    }
    try await eventually {
      try #require(kill(pid, 0) == 0 && FileManager.default.fileExists(atPath: "/proc/\(pid)/exe"))
      try #require(!lines().contains { $0.contains("Kernel panic") }, "\(lines())")
      return lines().contains("ready")
    }
    let told = lines()
    #expect(told.contains("share both_ways from the host: both ways"), "\(told)")
    #expect(told.contains("share both_ways written"), "\(told)")
    #expect(told.contains("share one from the host: one"), "\(told)")
    #expect(!told.contains("share one written"), "\(told)")
    let written = FileManager.default.contents(atPath: "\(folder.path)/both ways/from-guest")
    #expect(written == Data("from the guest\n".utf8))
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/one/from-guest"))
    // The servers end with the guest.
    func servers() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap(Int32.init).filter {
        let words = FileManager.default.contents(atPath: "/proc/\($0)/cmdline") ?? Data()
        let text = String(decoding: words, as: UTF8.self)
        return text.contains("--shared-dir=\(folder.path)/")
      }.count
    }
    #expect(try servers() >= (virtiofs ? 2 : 0) && (virtiofs || servers() == 0))
    kill(pid, SIGKILL)
    try await eventually { try servers() == 0 }
  }
}
