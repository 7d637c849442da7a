// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestControl
import LinuxSystem
import QMP
import TestSupport
import Testing

/// A real QEMU's monitor, found by nothing but its process.
@Suite(.timeLimit(.minutes(15)), .needs("qemu-system-x86_64"))
struct ProcessTests {
  @Test func configurationFileNamesTheMonitor() async throws {
    let guest = try Guest(
      """
      [chardev "monitor"]
        backend = "socket"
        path = "qmp-sock"
        server = "on"
        wait = "off"
      [mon]
        chardev = "monitor"
        mode = "control"
        pretty = "on"
      """)
    try await guest.start("-readconfig", "qemu.conf")
    let monitor = try await QMPEndpoint.process(RunningProcess(guest.pid)).connect()
    let status = try await monitor.execute(QueryStatus(), timeout: .seconds(10))
    #expect(status.running)
    await monitor.close()
    try FileManager.default.removeItem(atPath: "\(guest.folder)/qemu.conf")
    await #expect(throws: QMPUnavailable.startedElsewhere(pid: guest.pid, path: "qemu.conf")) {
      _ = try await QMPEndpoint.process(RunningProcess(guest.pid)).connect()
    }
  }

  @Test func whatIsNoPlainFileIsNotOpened() async throws {
    let guest = try Guest("")
    let fifo = "\(guest.folder)/fifo"
    #expect(mkfifo(fifo, 0o600) == 0)
    let sleeper = Process()
    sleeper.executableURL = URL(fileURLWithPath: "/bin/sh")
    sleeper.arguments = ["-c", "read line", "-readconfig", fifo]
    let input = Pipe()
    sleeper.standardInput = input
    try sleeper.run()
    defer {
      try? input.fileHandleForWriting.close()
      sleeper.waitUntilExit()
    }
    // A process that is just being started has no command line.
    while (try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(sleeper.processIdentifier)/cmdline")))?
      .isEmpty == true
    {
      try await Task.sleep(for: .milliseconds(10))
    }
    let error = await #expect(throws: QMPUnavailable.self) {
      _ = try await QMPEndpoint.process(RunningProcess(sleeper.processIdentifier)).connect()
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("it is no plain file"))
  }

  /// QEMU leaves the folder that it was started in, with the socket in it.
  @Test func daemonsHaveLeftTheirFolder() async throws {
    let guest = try Guest("")
    try await guest.start("-daemonize", "-qmp", "unix:./qmp-sock,server=on,wait=off")
    let error = await #expect(throws: QMPUnavailable.self) {
      _ = try await QMPEndpoint.process(RunningProcess(guest.pid)).connect()
    }
    #expect(error == .startedElsewhere(pid: guest.pid, path: "./qmp-sock"))
    #expect("\(error.map { "\($0)" } ?? "")".contains("--qmp"))
    // It is there all the same.
    let monitor = try await QMPEndpoint.socket("\(guest.folder)/qmp-sock").connect()
    await monitor.close()
  }
}

/// A QEMU with a machine that has nothing in it, in a folder of its own.
private final class Guest {
  static let program = "/usr/bin/qemu-system-x86_64"

  let folder: String
  private(set) var pid: Int32 = 0

  init(_ configuration: String) throws {
    folder = "\(NSTemporaryDirectory())/guest-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(configuration.utf8).write(to: URL(fileURLWithPath: "\(folder)/qemu.conf"))
  }

  /// Returns when it listens at `qmp-sock`.
  func start(_ arguments: String...) async throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.program)
    process.arguments =
      ["-M", "none", "-display", "none", "-nodefaults", "-pidfile", "pid"] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    // QEMU writes its number before it makes its sockets, and a daemon leaves its folder after that.
    for _ in 0..<15_000 where !isReady(asDaemon: arguments.contains("-daemonize")) {
      try await Task.sleep(for: .milliseconds(20))
      let text = try? String(contentsOfFile: "\(folder)/pid", encoding: .utf8)
      pid = text.flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    }
    try #require(isReady(asDaemon: arguments.contains("-daemonize")))
  }

  private func isReady(asDaemon: Bool) -> Bool {
    guard pid > 0, FileManager.default.fileExists(atPath: "\(folder)/qmp-sock") else {
      return false
    }
    let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
    return !asDaemon || path == "/"
  }

  deinit {
    let text = try? String(contentsOfFile: "\(folder)/pid", encoding: .utf8)
    let late = text.flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    if max(pid, late) > 1 { kill(max(pid, late), SIGKILL) }
    try? FileManager.default.removeItem(atPath: folder)
  }
}
