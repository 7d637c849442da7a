// SPDX-License-Identifier: Apache-2.0

import Foundation
import QEMU
import QMP
import TestSupport
import Testing

/// `vgpu run` on a host without a vGPU.
@Suite(.timeLimit(.minutes(15))) struct GuestRunTests {
  /// The processors are held, so that the guest costs nothing.
  private static let guest = [
    "--memory", "64M", "--machine", "pc", "--cpus", "1", "--no-gl", "--no-kvm",
  ]

  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func guestIsStartedAndNamed(program: String) async throws {
    let folder = URL(fileURLWithPath: "/tmp/vgpu-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    let disk = folder.appendingPathComponent("a disk.img").path
    try Data(count: 1 << 20).write(to: URL(fileURLWithPath: disk))
    func start(_ words: String...) throws -> (pid: Int32, errors: String) {
      let end = try Printed.run(
        Printed.vgpu.path,
        ["run", "--no-view", "--qemu", program] + Self.guest + words + ["--", "-S"], in: folder)
      try #require(end.code == 0, "\(end.errors)")
      return (try #require(Int32(end.output.dropLast())), end.errors)
    }
    let (pid, errors) = try start("--disk", disk)
    defer { kill(pid, SIGKILL) }
    #expect(!errors.contains("emulated"), "it was asked for: \(errors)")
    #expect(errors.contains("runs as pid:\(pid) on a virtio GPU; log: "), "\(errors)")
    let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/vgpu")
    let socket = try #require(files.first { $0.hasSuffix(".commands.qmp") })
    #expect(socket.hasPrefix("virtio-a_disk.img-"), "\(files)")
    let client = try await QMPClient(path: "\(folder.path)/vgpu/\(socket)")
    var display: [String: JSONValue] = ["type": .string("dbus"), "p2p": .bool(true)]
    if try QEMUProgram.probe(program).hasDBusSound { display["audiodev"] = .string("sound0") }
    #expect(try await client.execute("query-display-options") == .object(display))
    // Another guest beside it, by a name of its own.
    let second = try start("--name", "other")
    defer { kill(second.pid, SIGKILL) }
    let other = try await QMPClient(path: "\(folder.path)/vgpu/other.commands.qmp")
    for client in [client, other] {
      try await client.execute(Quit())
      await client.close()
    }
    for pid in [pid, second.pid] {
      try await eventually { !FileManager.default.fileExists(atPath: "/proc/\(pid)/fd/0") }
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/vgpu")
    #expect(left.allSatisfy { $0.hasSuffix(".log") }, "QEMU removes its sockets: \(left)")
  }

  /// The guest goes on when `vgpu run` has ended, and so does its TPM, until the guest ends.
  @Test(.needs("qemu-system-x86_64", "swtpm"), arguments: TestMachine.programs)
  func tpmLivesAsLongAsTheGuest(program: String) async throws {
    let folder = URL(fileURLWithPath: "/tmp/vgpu-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    let end = try Printed.run(
      Printed.vgpu.path,
      ["run", "--no-view", "--qemu", program, "--name", "guest", "--tpm"] + Self.guest
        + ["--", "-S"], in: folder)
    try #require(end.code == 0, "\(end.errors)")
    let pid = try #require(Int32(end.output.dropLast()))
    defer { kill(pid, SIGKILL) }
    let client = try await QMPClient(path: "\(folder.path)/vgpu/guest.commands.qmp")
    let models = try await client.execute("query-tpm-models")
    #expect("\(models)".contains("tpm-crb"))
    #expect("\(try await client.execute("query-tpm"))".contains("emulator"))
    let swtpm = try #require(
      try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap(Int32.init).first {
        let words = FileManager.default.contents(atPath: "/proc/\($0)/cmdline") ?? Data()
        let text = String(decoding: words, as: UTF8.self)
        return text.contains("swtpm\0socket") && text.contains(folder.path)
      })
    #expect(kill(swtpm, 0) == 0)
    // Not asked to end: QEMU just goes.
    kill(pid, SIGKILL)
    try await eventually { !FileManager.default.fileExists(atPath: "/proc/\(swtpm)/fd/0") }
    await client.close()
  }

  @Test(.needs("qemu-system-x86_64")) func missingSwtpmIsNamed() throws {
    try Printed.withFolder { folder in
      let qemu = try #require(TestMachine.programs.first)
      let refused = try Printed.run(
        "/usr/bin/env",
        ["PATH=/no", Printed.vgpu.path, "run", "--qemu", qemu, "--tpm"] + Self.guest, in: folder)
      #expect(refused.code != 0)
      #expect(
        refused.errors.contains("swtpm: not found, and this program is the guest's TPM; install"),
        "\(refused.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
    }
  }

  /// What is printed can be carried out as it is.
  @Test(.needs("qemu-system-x86_64", "swtpm"), arguments: ["guest", "a, b"])
  func printedCommandStartsTheTPM(name: String) throws {
    try Printed.withFolder { folder in
      let printed = try Printed.run(
        Printed.vgpu.path,
        ["run", "--print", "--name", name, "--tpm", "--secure-boot", "--memory", "64M"]
          + ["--no-gl", "--no-kvm", "--", "-S", "-qmp", "stdio"], in: folder)
      try #require(
        printed.code == 0 && printed.output.hasPrefix("swtpm socket "), "\(printed.errors)")
      let run = try Printed.run(
        "/bin/sh", ["-e", "-c", printed.output], in: folder,
        input: """
          {"execute": "qmp_capabilities"}
          {"execute": "query-tpm"}
          {"execute": "quit"}

          """)
      #expect(run.code == 0 && run.output.contains("tpm-crb"), "\(run.errors)")
    }
  }

  /// Also when the folder's server takes its time, and the socket of an earlier one is there.
  @Test(.needs("qemu-system-x86_64")) func printedCommandServesAFolder() throws {
    let server = try #require(TestMachine.rigPart("virtiofsd"), "Rig/prepare virtiofsd")
    try Printed.withFolder { folder in
      let (program, shared) = ("\(folder.path)/virtiofsd", "\(folder.path)/shared, with a name")
      try FileManager.default.createDirectory(atPath: shared, withIntermediateDirectories: false)
      let script = """
        #!/bin/sh
        case $1 in --version | --help) ;; *) sleep 1 ;; esac
        exec '\(server)/virtiofsd' "$@"

        """
      try Program.write(script, to: program)
      let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
      let printed = try Printed.run(
        "/usr/bin/env",
        ["PATH=\(folder.path):\(path)", Printed.vgpu.path, "run", "--print", "--name", "guest"]
          + [
            "--share", shared, "--memory", "64M", "--no-gl", "--no-kvm", "--", "-S", "-qmp",
            "stdio",
          ],
        in: folder)
      try #require(printed.code == 0 && printed.output.contains(program), "\(printed.errors)")
      for _ in 0..<2 {
        let run = try Printed.run(
          "/bin/sh", ["-e", "-c", printed.output], in: folder,
          input: """
            {"execute": "qmp_capabilities"}
            {"execute": "quit"}

            """)
        #expect(run.code == 0 && run.output.contains("SHUTDOWN"), "\(run.errors)")
        // As after a server that was killed.
        let socket = try #require(
          printed.output.split(separator: "\n").first?.split(separator: " ").last)
        _ = ListeningSocket(String(socket))
      }
    }
  }

  /// What a QEMU without the display would start, nobody could see.
  @Test func guestThatNobodyCouldSeeIsRefused() throws {
    let newer = try #require(TestMachine.rigPart("qemu"), "Rig/prepare qemu")
    let bare = "\(newer)/usr/program/qemu-system-x86_64"
    try Printed.withFolder { folder in
      let words = ["run", "--qemu", bare] + Self.guest
      let refused = try Printed.run(Printed.vgpu.path, words, in: folder)
      #expect(refused.code == 82, "\(refused.errors)")
      #expect(refused.errors.contains("built without the D-Bus display"), "\(refused.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
      // It is described nevertheless, and a vGPU's guest does without; both are told of.
      let printed = try Printed.run(Printed.vgpu.path, words + ["--print"], in: folder)
      #expect(printed.code == 0 && printed.output.contains("-display dbus,p2p=yes"))
      #expect(printed.errors.contains("note: the description assumes it: \(bare): "))
      let vGPU = try Printed.run(
        Printed.vgpu.path, ["run", "--print", "--qemu", bare, "--vgpu", "t"], in: folder)
      #expect(vGPU.code == 0 && vGPU.output.contains("-display none"))
      #expect(vGPU.errors.contains("note: \(bare): this QEMU was built without the D-Bus display"))
    }
  }
}
