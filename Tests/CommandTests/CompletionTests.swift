// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import vgpu

/// What shells offer. The rig's tests have vGPUs, guests and domains to offer.
@Suite(.serialized, .onOwnThread) struct CompletionTests {
  /// What the generated scripts run: the command's words, the place of the word that is being completed,
  /// and the cursor in it.
  private func offered(
    _ argument: String, _ words: String..., shell: String = "bash",
    environment: [String: String] = [:]
  ) throws -> [String] {
    let subcommands = words.dropLast().prefix { !$0.hasPrefix("-") && !$0.contains(":") }
    let end = try Command.run(
      ["---completion"] + subcommands
        + ["--", argument, "\(words.count)", "\(words.last?.count ?? 0)", "vgpu"] + words,
      environment: environment.merging(["SAP_SHELL": shell]) { $1 })
    #expect(end.code == 0 && end.errors == "", "\(words): \(end.errors)")
    return end.text.split(separator: "\n").map(String.init).filter { $0 != " " }
  }

  /// On any host, with libvirt or without it, and with no mdevctl, a list is only shorter.
  @Test(arguments: [
    ["positional@0", "view", ""], ["positional@0", "view", "libvirt:"],
    ["positional@0", "create", ""],
    ["positional@0", "start", ""], ["positional@0", "remove", ""], ["--parent", "create", ""],
    ["--vgpu", "run", ""], ["--gpu", "run", ""], ["--pci", "run", ""], ["--usb", "run", ""],
    ["--scsi", "run", ""], ["positional@1", "plug", ""], ["positional@0", "pci", "bind", ""],
    ["positional@0", "pci", "restore", ""], ["--open", "bridge", ""], ["--device", "doctor", ""],
  ])
  func nothingIsSaidOfWhatIsMissing(words: [String]) throws {
    let subcommands = words[1..<(words.count - 1)]
    for path in ["/none", ProcessInfo.processInfo.environment["PATH"] ?? ""] {
      let end = try Command.run(
        ["---completion"] + subcommands
          + ["--", words[0], "\(subcommands.count + 1)", "0", "vgpu"] + subcommands + [""],
        environment: ["PATH": path, "SAP_SHELL": "bash"])
      #expect(end.code == 0 && end.errors == "", "\(words): \(end.errors)")
    }
  }

  @Test func targets() throws {
    #expect(try offered("positional@0", "view", "").contains("demo"))
    #expect(try offered("positional@0", "pci", "bind", "").contains("vfio-pci"))
    let functions = try FileManager.default.contentsOfDirectory(atPath: "/sys/bus/pci/devices")
    #expect(Set(try offered("positional@0", "pci", "unbind", "")) == Set(functions))
    if functions.contains(where: { $0.hasPrefix("0000:00:") }) {
      let short = try offered("positional@0", "pci", "unbind", "00:")
      #expect(short.contains { $0.wholeMatch(of: /00:[0-9a-f]{2}\.[0-7]/) != nil }, "\(short)")
    }
  }

  /// Shells that show notes get them in their own form.
  @Test func notes() throws {
    let offer = Offer("0000:01:00.0", "a: b\n\u{1B}c")
    #expect(offer.text(for: .bash) == "0000:01:00.0")
    #expect(offer.text(for: .zsh) == "0000\\:01\\:00.0:a: b \u{FFFD}c")
    #expect(offer.text(for: .fish) == "0000:01:00.0\ta: b \u{FFFD}c")
    #expect(Offer("ü_1", "").text(for: .zsh) == "ü_1")
  }

  /// bash expands what it gets, and other users name their guests.
  @Test(arguments: [
    "libvirt:$(touch /tmp/x)", "libvirt:`id`", "libvirt:a b", "libvirt:a\tb", "libvirt:'",
    "libvirt:\"",
    "libvirt:\\", "libvirt:a;b", "libvirt:*", "libvirt:~", "libvirt:a\u{1B}", "libvirt:a\nb", "",
  ])
  func whatAShellWouldReadIsLeftOut(word: String) {
    for shell: CompletionShell in [.bash, .zsh, .fish] {
      #expect(Offer(word, "note").text(for: shell) == nil)
    }
  }

  /// A person types in a real bash, with the generated script and Debian's bash-completion.
  @Test(
    .needs(
      "bash-completion: Scripts/setup test installs it",
      if: FileManager.default.fileExists(atPath: "/usr/share/bash-completion/bash_completion")))
  func personTypesInBash() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("completion-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("vgpu"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let script = folder.appendingPathComponent("script").path
    try Command.run(["--generate-completion-script", "bash"]).output
      .write(to: URL(fileURLWithPath: script))
    // A bridge's socket, whose target has a colon.
    try Data().write(to: folder.appendingPathComponent("vgpu/bridge.sock"))
    for (typed, expected) in [
      ("vgpu vi", "vgpu view "), ("vgpu view de", "vgpu view demo "),
      ("vgpu view bri", "vgpu view bridge:\(folder.path)/vgpu/bridge.sock "),
      ("vgpu view bridge:", "vgpu view bridge:\(folder.path)/vgpu/bridge.sock "),
      ("vgpu view --scale int", "vgpu view --scale integer "),
      ("vgpu pci bind 0000:00:00.0 vfio-", "vgpu pci bind 0000:00:00.0 vfio-pci "),
      ("vgpu screenshot demo \(folder.path)/scr", "vgpu screenshot demo \(folder.path)/script "),
      ("sudo vgpu view de", "sudo vgpu view demo "),
    ] {
      let answer = try Program.run(
        ["/usr/bin/python3", "-c", Self.typist, script, typed, expected],
        environment: [
          "PATH": CLibraries.products.path + ":/usr/sbin:/usr/bin:/sbin:/bin",
          "XDG_RUNTIME_DIR": folder.path, "TERM": "dumb",
        ])
      #expect(answer.code == 0, "\(typed): \(answer.text)")
    }
  }

  /// Types a text and a tab, and waits until the line is what it should be.
  private static let typist = #"""
    import os, pty, select, sys, time

    script, typed, expected = sys.argv[1:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PS1"] = "> "
        os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "-i"])

    def wait(text):
        seen, end = "", time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 65536).decode(errors="replace")
            # Long lines are wrapped, or scrolled, by readline.
            if text in seen.replace("\r", "").replace("\n", "").replace("\b", ""):
                return
        sys.exit("instead: " + repr(seen))

    os.write(terminal, b"bind 'set enable-bracketed-paste off'; stty columns 1000; "
        b". /usr/share/bash-completion/bash_completion; . " + script.encode() + b"; echo rea''dy\n")
    wait("ready> ")
    os.write(terminal, typed.encode() + b"\t")
    wait(expected)
    os.close(terminal)
    os.waitpid(pid, 0)
    """#
}
