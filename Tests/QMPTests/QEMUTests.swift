// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import QMP
import TestSupport
import Testing

/// The real one, with a machine that has nothing in it.
@Suite(
  .serialized, .timeLimit(.minutes(15)),
  .needs("qemu-system-x86_64"))
struct QEMUTests {
  @Test func machineIsControlled() async throws {
    let qemu = try QEMU()
    let client = try await qemu.client()
    #expect(client.version.major >= 5)
    let answer1 = try await client.execute(QueryVersion())
    #expect(answer1 == client.version)
    let answer2 = try await client.execute(QueryStatus())
    #expect(answer2.running)
    let events = client.events()
    try await client.execute(Stop())
    let answer3 = try await client.execute(QueryStatus())
    #expect(!answer3.running)
    try await client.execute(Continue())
    let answer4 = try await client.execute(QueryStatus())
    #expect(answer4.running)
    try await client.execute(SystemReset())
    let commands = try await client.execute("query-commands")
    guard case .array(let list) = commands else {
      Issue.record("\(commands)")
      return
    }
    #expect(list.contains(["name": "input-send-event"]))
    try await client.execute(Quit())
    var names: [String] = []
    for await event in events {
      names.append(event.name)
      #expect(event.timestamp != nil)
    }
    #expect(names.starts(with: ["STOP", "RESUME"]))
    #expect(client.failure == .disconnected(object: qemu.path))
    #expect(qemu.waitForEnd() == 0)
  }

  @Test func everyCommandOfOursIsKnown() async throws {
    let qemu = try QEMU(machine: "pc", "-usb", "-device", "usb-tablet")
    let client = try await qemu.client()
    try await client.execute(SystemPowerdown())
    try await client.execute(SystemReset())
    let all: [InputEvent] =
      [.key("a", down: true), .key("a", down: false), .absolute(.x, 0), .relative(.y, 1)]
      + InputButton.allCases.flatMap { [.button($0, down: true), .button($0, down: false)] }
    try await client.execute(InputSendEvent(all))
    let refused = await #expect(throws: QMPError.self) {
      try await client.execute(InputSendEvent([.key("no such key", down: true)]))
    }
    guard case .refused(_, "input-send-event", "GenericError", _) = refused else {
      Issue.record("\(String(describing: refused))")
      return
    }
    let answer5 = try await client.execute(QueryStatus())
    #expect(answer5.running)
    await client.close()
  }

  /// As it writes for people: each value on a line of its own.
  @Test func prettyAnswersAreRead() async throws {
    let qemu = try QEMU(qmp: "-qmp-pretty")
    let client = try await qemu.client()
    let events = client.events()
    let status = try await client.execute(QueryStatus())
    #expect(status.running)
    try await client.execute(Stop())
    let commands = try await client.execute("query-commands")
    guard case .array(let list) = commands else {
      Issue.record("\(commands)")
      return
    }
    #expect(list.contains(["name": "input-send-event"]))
    try await client.execute(Quit())
    var names: [String] = []
    for await event in events { names.append(event.name) }
    #expect(names.first == "STOP")
    #expect(qemu.waitForEnd() == 0)
  }

  @Test func busyMonitorIsATimeout() async throws {
    let qemu = try QEMU()
    let first = try await qemu.client()
    // The second waits in the socket's queue, others do not even come that far.
    await withTaskGroup(of: QMPError?.self) { group in
      for _ in 0..<4 {
        group.addTask {
          do throws(QMPError) {
            _ = try await QMPClient(path: qemu.path, timeout: .milliseconds(300))
            return nil
          } catch {
            return error
          }
        }
      }
      for await error in group {
        #expect(error == .timeout(object: qemu.path, command: nil, after: .milliseconds(300)))
      }
    }
    let answer6 = try await first.execute(QueryStatus())
    #expect(answer6.running)
    await first.close()
    let next = try await qemu.client()
    let answer7 = try await next.execute(QueryStatus())
    #expect(answer7.running)
    await next.close()
  }

  /// Clients that do not wait for their answers: QEMU 10 gives them to the next client.
  @Test(arguments: TestMachine.programs) func aClientAfterRudeOnes(program: String) async throws {
    let qemu = try QEMU(program: program)
    for commands in 0..<60 {
      try await qemu.client().close()
      try qemu.rudeClient(commands: commands % 12)
      let client = try await qemu.client()
      let version = try await client.execute(QueryVersion())
      #expect(version == client.version)
      let status = try await client.execute(QueryStatus())
      #expect(status.running)
      await client.close()
    }
  }

  @Test func endOfQEMUIsNoticed() async throws {
    let qemu = try QEMU()
    let client = try await qemu.client()
    let events = client.events()
    qemu.kill()
    for await _ in events {}
    #expect(client.failure == .disconnected(object: qemu.path))
    let gone = await #expect(throws: QMPError.self) { _ = try await QMPClient(path: qemu.path) }
    #expect("\(gone.map { "\($0)" } ?? "")".contains("has QEMU ended"))
  }

  /// Nothing is left of a client: no descriptor, no thread.
  @Test func nothingIsLeft() async throws {
    let qemu = try QEMU()
    func count(_ folder: String) throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/\(folder)").count
    }
    func sockets() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
        let link = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/\(name)")
        return link?.hasPrefix("socket:") == true || link == "anon_inode:[eventfd]"
      }
    }
    try await qemu.client().close()
    let before = try (sockets(), count("task"))
    for round in 0..<50 {
      let client = try await qemu.client()
      try await client.execute(QueryStatus())
      // Half of them are only let go of.
      if round % 2 == 0 { await client.close() }
    }
    var after = before
    for _ in 0..<100 {
      after = try (sockets(), count("task"))
      if after.0 <= before.0, after.1 <= before.1 + 4 { break }
      try await Task.sleep(for: .milliseconds(20))
    }
    // Other tests run at the same time; fifty leaks would be seen all the same.
    #expect(after.0 <= before.0 + 10)
    #expect(after.1 <= before.1 + 10)
  }
}

/// A QEMU that ends with its owner.
private final class QEMU: Sendable {
  let path: String
  private let folder: String
  private let process = Process()

  init(
    machine: String = "none", qmp: String = "-qmp", program: String? = nil, _ devices: String...
  ) throws {
    folder = "\(NSTemporaryDirectory())/qmp-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    path = "\(folder)/qmp"
    process.executableURL = URL(
      fileURLWithPath: try program ?? #require(Program.path(of: "qemu-system-x86_64")))
    process.arguments =
      [
        "-M", machine, "-display", "none", "-nodefaults", qmp, "unix:\(path),server=on,wait=off",
      ] + devices
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    kill()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Its first client, as soon as it listens.
  func client() async throws -> QMPClient {
    for _ in 0..<200 where !isListening(on: path) {
      try await Task.sleep(for: .milliseconds(20))
    }
    // QEMU takes back its monitor some time after a client has gone.
    return try await QMPClient(path: path, timeout: .seconds(10))
  }

  /// Sends commands with ids as other programs count them, and goes.
  func rudeClient(commands: Int) throws {
    let socket = try UnixSocket.make(for: path)
    guard try UnixSocket.connect(socket.rawValue, to: path) else { return }
    var text = #"{"execute": "qmp_capabilities", "id": 1}"#
    for id in 0..<commands {
      text += #"{"execute": "qom-list", "arguments": {"path": "/"}, "id": \#(id + 2)}"#
    }
    let bytes = [UInt8](text.utf8)
    _ = send(socket.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  func kill() {
    guard process.isRunning else { return }
    Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  func waitForEnd() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }
}
