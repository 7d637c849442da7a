// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import GuestAgent

/// A Linux guest in QEMU, without KVM: Debian's kernel of the rig, and this machine's own agent under Xvfb.
private final class AgentGuest {
  let folder: String
  let socket: String
  private let qemu = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var rest: [UInt8] = []

  var pid: Int32 { qemu.processIdentifier }

  init() throws {
    folder = "\(NSTemporaryDirectory())/guest-\(UUID().uuidString.prefix(8))"
    socket = "\(folder)/agent"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Programs/agent-guest").path
    let made = try Program.run([program, folder])
    try #require(made.code == 0, "\(made.text)")
    let kernel = try #require(TestMachine.rigPart("linux"), "Rig/prepare linux")
    qemu.executableURL = URL(
      fileURLWithPath: try #require(Program.path(of: "qemu-system-x86_64")))
    qemu.arguments = [
      "-M", "q35", "-accel", "tcg", "-m", "768", "-nodefaults", "-display", "none", "-no-reboot",
      "-serial", "stdio", "-kernel", "\(kernel)/vmlinuz", "-initrd", "\(folder)/initramfs",
      "-append", "console=ttyS0 quiet", "-chardev",
      "socket,id=agent,path=\(socket),server=on,wait=off", "-device", "virtio-serial-pci",
      "-device", "virtserialport,chardev=agent,name=com.redhat.spice.0",
    ]
    qemu.standardInput = input
    qemu.standardOutput = output
    try qemu.run()
    _ = try read(until: "READY")
  }

  deinit {
    kill(qemu.processIdentifier, SIGKILL)
    qemu.waitUntilExit()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Runs a line of its shell, and returns what that prints.
  func shell(_ line: String) throws -> String {
    input.fileHandleForWriting.write(Data("\(line)\n".utf8))
    return try read(until: "END")
  }

  private func read(until mark: String) throws -> String {
    let fd = output.fileHandleForReading.fileDescriptor
    while true {
      let text = String(decoding: rest, as: UTF8.self)
      if let end = text.firstRange(of: "\(mark)\r\n") {
        rest = Array(text[end.upperBound...].utf8)
        return String(text[..<end.lowerBound]).replacing("\r\n", with: "\n")
      }
      var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      try #require(poll(&entry, 1, 300_000) > 0, "the guest is silent: \(text.suffix(500))")
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      let count = Glibc.read(fd, &buffer, buffer.count)
      try #require(count > 0, "the guest has ended: \(text.suffix(500))")
      rest += buffer[..<count]
    }
  }
}

/// The agent through virtio-serial, in a guest. It takes a minute.
@Suite(
  RealAgent.isPossible,
  .needs("qemu-system-x86_64", "busybox", "cpio", "sha256sum", "xkbcomp"),
  .onOwnThread, .timeLimit(.minutes(15)))
struct VirtioSerialTests {
  private func sum(_ bytes: [UInt8], in guest: AgentGuest) throws -> String {
    let path = "\(guest.folder)/bytes"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return String(try Program.run(["sha256sum", path]).text.prefix(64))
  }

  @Test func clipboardsFilesAndReconnections() async throws {
    let guest = try AgentGuest()
    let qemu = try RunningProcess(guest.pid)
    // Each client comes at once after the one before: the guest opens its port anew meanwhile.
    for round in 0..<3 {
      let client = try AgentClient(AgentSocket(path: guest.socket, servedBy: qemu))
      let state = await client.stateAfterWaiting(atMost: .seconds(120))
      let log = state.capabilities == nil ? try guest.shell("ps; tail -n 20 /tmp/*.log") : ""
      try #require(state.capabilities != nil, "round \(round): \(state)\n\(log)")
      if round == 0 {
        try await clipboards(guest, client)
        try await files(guest, client)
      }
      client.close()
      try await eventually { client.state == .closed }
    }
  }

  private func clipboards(_ guest: AgentGuest, _ client: AgentClient) async throws {
    for (selection, name) in [(ClipboardSelection.clipboard, "clipboard"), (.primary, "primary")] {
      for (type, target) in [(ClipboardType.text, "UTF8_STRING"), (.png, "image/png")] {
        let bytes = type == .text ? sampleText(300_000) : sample(300_000)
        client.offer(ClipboardOffer(types: [type]) { _ in bytes }, in: selection)
        let wanted = try sum(bytes, in: guest)
        try await eventually {
          try guest.shell("xclip -selection \(name) -t \(target) -o 2>/dev/null | sha256sum")
            .hasPrefix(wanted)
        }
        // What the guest has now it copies itself.
        let before = client.guestClipboard(selection)?.generation
        _ = try guest.shell(
          """
          xclip -selection \(name) -t \(target) -o > /tmp/c; echo 0 >> /tmp/c; \
          xclip -selection \(name) -t \(target) -i /tmp/c >/dev/null 2>&1
          """)
        try await eventually {
          client.guestClipboard(selection).map {
            $0.generation != before && $0.types.contains(type)
          } == true
        }
        #expect(try await client.content(type, in: selection) == bytes + [48, 10])
      }
    }
  }

  private func files(_ guest: AgentGuest, _ client: AgentClient) async throws {
    let tree = "\(guest.folder)/tree"
    try FileManager.default.createDirectory(
      atPath: "\(tree)/in", withIntermediateDirectories: true)
    let large = sample(5_000_000)
    try Data(large).write(to: URL(fileURLWithPath: "\(tree)/large"))
    for index in 0..<50 {
      try Data(sample(index * 100, seed: 9)).write(
        to: URL(fileURLWithPath: "\(tree)/in/\(index)"))
    }
    let outcomes = await client.send(try AgentFile.gather([tree])).outcomes()
    #expect(outcomes.count == 51 && outcomes.allSatisfy { $0.error == nil })
    #expect(
      try guest.shell("sha256sum /received/tree/large").hasPrefix(try sum(large, in: guest)))
    #expect(try guest.shell("ls /received/tree/in | wc -l") == "50\n")
  }
}
