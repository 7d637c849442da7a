// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A guest that writes a header into its raw disk which names one of the host's files; and what QEMU
/// opens of that, by the commands that `vgpu run` prints.
@Suite struct DiskAttackTests {
  private static let vGPU = "--vgpu 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 --memory 64M"

  private static func qemuImg(_ words: [String], in folder: URL) throws {
    let answer = try Printed.run("/usr/bin/env", ["qemu-img"] + words, in: folder)
    try #require(answer.code == 0, "\(answer.errors)")
  }

  /// Starts a printed command with its processors held, and lets its first disk be written to as a
  /// guest would.
  ///
  /// - Returns: the files that QEMU has opened as disks, by their drivers.
  private static func run(_ words: [String], in folder: URL) throws -> [String] {
    var words = words
    let device = try #require(words.firstIndex { $0.hasPrefix("vfio-pci,") })
    words.removeSubrange(device - 1...device)
    for (option, value) in [("-accel", "tcg"), ("-cpu", "max")] {
      words[try #require(words.firstIndex(of: option)) + 1] = value
    }
    let input = """
      {"execute": "qmp_capabilities"}
      {"execute": "human-monitor-command",
       "arguments": {"command-line": "qemu-io disk0 \\"write -P 0xaa 0 64k\\""}}
      {"execute": "query-named-block-nodes"}
      {"execute": "quit"}

      """
    let answer = try Printed.run(
      words[0], words.dropFirst() + ["-S", "-qmp", "stdio"], in: folder, input: input)
    #expect(answer.code == 0 && answer.errors == "", "\(words): \(answer.errors)")
    #expect(answer.output.contains("wrote 65536/65536"), "\(answer.output)")
    struct Answer: Decodable {
      struct Node: Decodable {
        struct Image: Decodable { let filename: String }
        let drv: String
        let ro: Bool
        let image: Image
      }
      let `return`: [Node]
    }
    let nodes = answer.output.split(whereSeparator: \.isNewline).lazy.compactMap {
      try? JSONDecoder().decode(Answer.self, from: Data($0.utf8)).return
    }.first { !$0.isEmpty }
    return try #require(nodes).filter { $0.drv == "file" }
      .map { "\(URL(fileURLWithPath: $0.image.filename).lastPathComponent)\($0.ro ? " ro" : "")" }
      .sorted()
  }

  private func command(_ disk: String, _ program: String, in folder: URL) throws -> [String] {
    try Printed.command("\(Self.vGPU) --disk \(disk)", program, in: folder)
  }

  private func refusal(_ disk: String, in folder: URL) throws -> String {
    var text = ""
    for command in [["run", "--print"], ["xml"]] {
      let words = Self.vGPU.split(separator: " ").map(String.init) + ["--disk", disk]
      let answer = try Printed.run(Printed.vgpu.path, command + words, in: folder)
      #expect(answer.code == 1 && answer.output == "", "\(command): \(answer.output)")
      text += answer.errors
    }
    return text
  }

  @Test(arguments: TestMachine.programs, ["backing file", "data file"])
  func hostsFilesAreNotReached(program: String, reference: String) throws {
    try Printed.withFolder { folder in
      let victim = folder.appendingPathComponent("victim")
      let secret = Data(repeating: 0x53, count: 1 << 20)
      let disk = folder.appendingPathComponent("disk.img")
      func restore() throws {
        try secret.write(to: victim)
        let words =
          reference == "backing file"
          ? ["-b", victim.path, "-F", "raw"] : ["-o", "data_file=\(victim.path)"]
        try Self.qemuImg(["create", "-q", "-f", "qcow2"] + words + [disk.path, "1M"], in: folder)
        try secret.write(to: victim)
      }

      // A QEMU that believes the header opens the file: this is an attack.
      try restore()
      let plain = try command("disk.img,format=raw", program, in: folder)
      let option = try #require(plain.first { $0.contains("id=disk0,") && $0.contains("json:") })
      let believing = plain.map {
        $0 == option ? "if=none,id=disk0,format=qcow2,file=\(disk.path)" : $0
      }
      #expect(try Self.run(believing, in: folder).contains { $0.hasPrefix("victim") })
      #expect((try Data(contentsOf: victim) == secret) == (reference == "backing file"))

      // Said to be raw it is the guest's own affair.
      try restore()
      #expect(try Self.run(plain, in: folder) == ["disk.img"])
      #expect(try Data(contentsOf: victim) == secret)
      #expect(try Data(contentsOf: disk).prefix(65536).allSatisfy { $0 == 0xAA })

      // Not said to be anything, or said to be qcow2, it is refused.
      try restore()
      #expect(try refusal("disk.img", in: folder).contains("add format=raw after its name"))
      #expect(
        try refusal("disk.img,format=qcow2", in: folder)
          .contains("names the \(reference) \"\(victim.path)\""))
      #expect(try Data(contentsOf: victim) == secret)
    }
  }

  /// Between the look and QEMU's own a header can change.
  @Test(arguments: TestMachine.programs)
  func nothingIsOpenedBeneathWhatWasLookedAt(program: String) throws {
    try Printed.withFolder { folder in
      try Data(count: 1 << 20).write(to: folder.appendingPathComponent("victim"))
      try Self.qemuImg(["create", "-q", "-f", "qcow2", "a.qcow2", "1M"], in: folder)
      let command = try command("a.qcow2", program, in: folder)
      try Self.qemuImg(
        ["create", "-q", "-f", "qcow2", "-b", "victim", "-F", "raw", "a.qcow2"], in: folder)
      #expect(try Self.run(command, in: folder) == ["a.qcow2"])
    }
  }

  @Test(arguments: TestMachine.programs)
  func whatIsAllowedIsOpenedAsItWasNamed(program: String) throws {
    try Printed.withFolder { folder in
      let base = folder.appendingPathComponent("base")
      try Data(repeating: 1, count: 1 << 20).write(to: base)
      func create(_ words: String...) throws {
        try Self.qemuImg(["create", "-q", "-f", "qcow2"] + words, in: folder)
      }
      // The header takes the raw base for an image, which it is not.
      try create("-u", "-b", "base", "-F", "qcow2", "middle.qcow2", "1M")
      try create("-b", "middle.qcow2", "-F", "qcow2", "-u", "top.qcow2", "1M")
      let chain = try command("top.qcow2,backing=middle.qcow2,backing=base", program, in: folder)
      #expect(try Self.run(chain, in: folder) == ["base ro", "middle.qcow2 ro", "top.qcow2"])
      #expect(try Self.run(chain + ["-snapshot"], in: folder).contains("top.qcow2 ro"))
      #expect(try Data(contentsOf: base).allSatisfy { $0 == 1 })

      try create("-o", "data_file=data", "split.qcow2", "1M")
      let split = try command("split.qcow2,data-file=data", program, in: folder)
      #expect(try Self.run(split, in: folder) == ["data", "split.qcow2"])
    }
  }

  /// Names that QEMU would take apart.
  @Test(arguments: TestMachine.programs, ["nbd:x", "json:{}", "a,,b.img", "q\"'\\u0041.img"])
  func namesAreFilesNames(program: String, disk: String) throws {
    try Printed.withFolder { folder in
      let name = disk.replacingOccurrences(of: ",,", with: ",")
      try Data(count: 1 << 20).write(to: folder.appendingPathComponent(name))
      #expect(try Self.run(command(disk, program, in: folder), in: folder) == [name])
    }
  }
}
