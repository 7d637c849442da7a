// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The words of every command's help.
@Suite(.serialized, .onOwnThread) struct HelpTests {
  private struct Help: Decodable {
    struct Command: Decodable {
      struct Argument: Decodable {
        let abstract: String?
        let valueName: String?
        let shouldDisplay: Bool
      }
      let commandName: String
      let abstract: String?
      let discussion: String?
      let arguments: [Argument]?
      let subcommands: [Command]?
    }
    let command: Command
  }

  private func commands() throws -> [(words: [String], Help.Command)] {
    func all(_ command: Help.Command, below words: [String]) -> [([String], Help.Command)] {
      let words = words + [command.commandName]
      return [(words, command)]
        + (command.subcommands ?? []).filter { $0.commandName != "help" }
        .flatMap { all($0, below: words) }
    }
    let output = try Command.run(["--experimental-dump-help"]).output
    return all(try JSONDecoder().decode(Help.self, from: output).command, below: [])
  }

  /// What help tells the reader to do, or the command to do.
  private static let verbs: Set<String> = [
    "Add", "Also", "Bind", "Bring", "Check", "Choose", "Connect", "Copy", "Create", "Describe",
    "Do",
    "Draw", "End", "Give", "Hide", "Let", "List", "Log", "Make", "Measure", "Name", "Open", "Pass",
    "Pin", "Play", "Plug", "Prefer", "Print", "Put", "Read", "Remove", "Restore", "Save", "Send",
    "Serve", "Share",
    "Set", "Show", "Start", "Switch", "Unbind", "Unplug", "Use", "Wait", "With", "Write",
  ]

  /// Help texts are imperatives, and whole sentences.
  @Test func everyLineIsAnImperative() throws {
    var count = 0
    for (words, command) in try commands() {
      let lines =
        [command.abstract]
        + (command.arguments ?? []).filter(\.shouldDisplay).map(\.abstract)
      for line in lines {
        let line = try #require(line, "\(words)")
        let name = words.joined(separator: " ")
        #expect(
          Self.verbs.contains(line.split(separator: " ").first.map(String.init) ?? ""),
          "\(name): \(line)")
        #expect(line.hasSuffix(".") || line.hasSuffix(")"), "\(name): \(line)")
        #expect(!line.contains("  ") && !line.contains("\n"), "\(name): \(line)")
        count += 1
      }
    }
    #expect(count > 100)
  }

  /// A table in a help text keeps its columns on a terminal of 80.
  @Test func nothingIsTornApart() throws {
    for (words, command) in try commands() {
      for line in (command.discussion ?? "").split(separator: "\n") where line.hasPrefix("  ") {
        #expect(line.count <= 80, "\(words): \(line)")
      }
      let help = try Command.run(words.dropFirst() + ["--help"], environment: ["COLUMNS": "80"])
      let tooLong = help.text.split(separator: "\n")
        .filter { $0.count > 80 && !$0.hasPrefix("USAGE: ") }
      #expect(help.code == 0 && tooLong.isEmpty, "\(words): \(tooLong)")
    }
  }

  /// The manual has the exit codes under the heading where readers of manuals look.
  @Test func manualHasTheExitCodes() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("manual-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    let manual = CLibraries.products.appendingPathComponent("vgpu-manual").path
    let made = try Program.run([
      "bash", "-c", "'\(Command.path)' --experimental-dump-help | '\(manual)' '\(folder.path)'",
    ])
    #expect(made.code == 0, "\(made.text)")
    func page(_ name: String) throws -> String {
      try String(contentsOf: folder.appendingPathComponent("\(name).1"), encoding: .utf8)
    }
    let main = try page("vgpu")
    #expect(main.contains(".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\ndone\n.TP\n\\fB1\\fR\n"))
    #expect(main.contains("\\fB77\\fR\nnot permitted: "))
    #expect(!main.contains("Exit codes:"))
    #expect(
      try page("vgpu-pci-bind").contains(
        ".SH \"EXIT STATUS\"\n\\fBvgpu\\fR(1) lists the exit codes.\n"))
  }
}
