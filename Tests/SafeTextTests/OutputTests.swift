// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import vgpu

/// What the command writes, whatever it quotes.
@Suite(.serialized, .onOwnThread) struct OutputTests {
  private let program = CLibraries.command.path

  private func vgpu(_ arguments: String...) throws -> (code: Int32, text: String) {
    try Program.run([program] + arguments)
  }

  /// What an error quotes neither turns the line around nor begins one.
  @Test func errorsAreInert() throws {
    let answer = try vgpu("screenshot", "bridge:/none/\u{202E}gnp\u{2066}", "-")
    #expect(answer.code == 66)
    #expect(answer.text.contains("/none/\u{FFFD}gnp\u{FFFD}"), "\(answer.text)")
    let folder = try vgpu("doctor", "--root", "/none\nError: \u{9B}31m\u{1B}[2J")
    #expect(folder.code == 66)
    #expect(
      folder.text.hasPrefix("Error: /none\n  Error: \u{FFFD}31m\u{FFFD}[2J"), "\(folder.text)")
  }

  /// ArgumentParser quotes what it does not know.
  @Test func wrongUsageIsInert() throws {
    let answer = try vgpu("list", "--\u{202E}x\u{1B}]0;t\u{7}")
    #expect(answer.code == 64)
    #expect(answer.text.contains("--\u{FFFD}x\u{FFFD}]0;t\u{FFFD}"), "\(answer.text)")
    #expect(answer.text.contains("\nUsage: vgpu list"))
  }

  @Test func helpKeepsItsLayout() throws {
    let answer = try vgpu("help", "run")
    #expect(answer.code == 0 && answer.text.contains("\nOPTIONS:\n  "))
    let script = try vgpu("--generate-completion-script", "bash")
    #expect(script.code == 0 && script.text.hasPrefix("#!/bin/bash"))
  }

  /// A result that is lost is an error.
  @Test(arguments: [
    "list --json", "types --json", "pci list --json", "info demo", "info demo --json",
    "doctor --json",
    "doctor", "doctor --fix", "edid 800x600 -", "--help", "help run", "--version",
    "--generate-completion-script bash", "--generate-completion-script zsh",
    "---completion view -- positional@0 2 0 vgpu view ''",
  ])
  func lostResultIsAnError(arguments: String) throws {
    let answer = try Program.run(["bash", "-c", "'\(program)' \(arguments) >/dev/full"])
    #expect(answer.code == 1)
    #expect(
      answer.text.hasPrefix("Error: standard output: cannot be written: No space left on device"),
      "\(answer.text)")
  }

  /// That there is nothing is said to the person; programs get nothing.
  @Test func emptyListPrintsNothing() throws {
    let tree = try SysfsTree()
    try tree.folder("/sys/bus/pci/devices")
    try tree.folder("/sys/kernel/iommu_groups")
    let list = "'\(program)' pci list --root '\(tree.root)'"
    let output = try Program.run(["bash", "-c", "\(list) 2>/dev/null"])
    #expect(output.code == 0 && output.text == "")
    let errors = try Program.run(["bash", "-c", "\(list) >/dev/null"])
    #expect(errors.code == 0 && errors.text == "There is no PCI device.\n")
  }

  @Test func columnsFitWhatIsShown() {
    var table = Table("NAME", "TYPE")
    table.add("a\u{202E}b\nc", "d")
    table.add("e", "\u{1B}[2J")
    #expect(table.text == "NAME   TYPE\na\u{FFFD}b c  d\ne      \u{FFFD}[2J")
  }

  /// In a terminal the last column takes the room that is left; programs get whole lines.
  @Test func lastColumnIsWrapped() {
    var table = Table("TYPE", "DESCRIPTION")
    table.add("a-1", "one two three four five")
    table.add("b", "six")
    #expect(
      table.text(width: 24)
        == "TYPE  DESCRIPTION\na-1   one two three four\n      five\nb     six")
    let whole = "TYPE  DESCRIPTION\na-1   one two three four five\nb     six"
    #expect(table.text(width: 29) == whole)
    #expect(table.text(width: 12) == whole, "too narrow to be read")
    #expect(table.text(width: nil) == whole)
  }

  /// It loses nothing.
  @Test func jsonEscapes() throws {
    let text = "a\u{202E}\u{9B}\u{7F}\u{200B}\u{E0041}\u{1B}\"ü\n\u{378}"
    let json = try JSONOutput.text([text])
    #expect(
      json
        == #"""
        [
          "a\u202e\u009b\u007f\u200b\udb40\udc41\u001b\"ü\n\u0378"
        ]
        """#)
    #expect(try JSONDecoder().decode([String].self, from: Data(json.utf8)) == [text])
  }

  /// What is copied from the terminal into a shell is the same file.
  @Test(arguments: [
    "plain", "it's", "a\u{202E}b", "new\nline", "\u{9B}31m'\\x", "\u{200B}1", "ü 😀", "tab\t",
  ])
  func shellsTakeWhatIsPrinted(word: String) throws {
    let text = ShellCommand.text([word], nodes: [])
    #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{202E}" })
    #expect(try Program.run(["bash", "-c", "printf %s \(text)"]).text == word)
  }
}
