// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestSupport
import Testing

/// What the tests of the rig share. They run inside it (`Rig/run`), on real kernel drivers, and are
/// left out elsewhere.
enum Rig {
  static let isHere = ProcessInfo.processInfo.environment["VGPU_RIG"] != nil

  /// Where the programs that were built with this test bundle are.
  static let products = URL(fileURLWithPath: CommandLine.arguments[0])
    .resolvingSymlinksInPath().deletingLastPathComponent()

  static func program(_ name: String) -> URL {
    name == "vgpu" ? CLibraries.command : products.appendingPathComponent(name)
  }

  /// Makes a vGPU, and takes it away again after `body`.
  static func withVGPU<Result>(
    _ type: String, _ body: (MdevDevice) throws -> Result
  ) throws -> Result {
    let host = HostHardware()
    let device = try host.create(type: type)
    defer {
      do {
        try host.remove(device.uuid)
      } catch {
        Issue.record("\(error)")
      }
    }
    return try body(device)
  }

  /// Makes a vGPU with the rig's guest on it.
  static func withGuest<Result>(
    _ type: String, _ arguments: [String], _ body: (MdevDevice, Child) throws -> Result
  ) throws -> Result {
    try withVGPU(type) { device in
      let guest = try Child("rig-guest", ["\(device.uuid)"] + arguments)
      defer { guest.kill() }
      #expect(try guest.line()?.hasPrefix("ready") == true)
      return try body(device, guest)
    }
  }

  /// What this process has open of devices, buffers, processes and files: all but what the runtime
  /// opens and closes for children and queues when it likes.
  static func openDescriptors() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
    }
    .filter { link in
      let passing = [
        "/proc/", "pipe:", "socket:", "anon_inode:[eventfd]", "anon_inode:[eventpoll]",
        "anon_inode:[timerfd]",
      ]
      return !passing.contains { link.hasPrefix($0) }
    }
    .sorted()
  }
}

/// A program that a test started, ended at the latest when the test lets go of it.
final class Child {
  private let process = Process()
  private let output = Pipe()
  private let errors = Pipe()
  private var buffered = Data()
  private var whyNoLine = ""
  private let state = "/dev/shm/vgpu-state-\(UUID().uuidString)"

  /// - Parameter program: one of this package's, by its name, or another's path.
  init(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws {
    process.executableURL =
      program.hasPrefix("/") ? URL(fileURLWithPath: program) : Rig.program(program)
    process.arguments = arguments
    // The rig runs on the machine's own files: logs and stores of guests go with this process.
    process.environment = ProcessInfo.processInfo.environment
      .merging(["XDG_STATE_HOME": state]) { $1 }.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
  }

  deinit {
    kill()
    try? FileManager.default.removeItem(atPath: state)
  }

  var pid: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  /// The next line of its standard output; `nil` at the end, and when none comes for two minutes.
  func line() throws -> String? {
    while true {
      if let end = buffered.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: buffered[..<end], as: UTF8.self)
        buffered = Data(buffered[(end + 1)...])
        return line
      }
      var entry = pollfd(
        fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&entry, 1, 120_000)
      if ready < 0 && errno == EINTR { continue }
      guard ready > 0 else {
        whyNoLine = ready < 0 ? "poll: \(errno)" : "silent for two minutes"
        return nil
      }
      let more = output.fileHandleForReading.availableData
      if more.isEmpty {
        whyNoLine = "its output ended"
        return nil
      }
      buffered.append(more)
    }
  }

  /// Why there was no line, how it ended, and its standard error: for a test that fails. Ends it.
  func obituary() -> String {
    for _ in 0..<20 where process.isRunning { usleep(100_000) }
    let wasRunning = process.isRunning
    kill()
    let end = self.end()
    let how =
      wasRunning
      ? "still running"
      : "\(process.terminationReason == .exit ? "exit status" : "signal") \(end.code)"
    return "\(whyNoLine); \(how); \(end.errors)"
  }

  /// Waits for its end.
  func end() -> (code: Int32, output: Data, errors: String) {
    let out = buffered + output.fileHandleForReading.readDataToEndOfFile()
    let err = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, out, String(decoding: err, as: UTF8.self))
  }

  func kill() {
    guard process.isRunning else { return }
    Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}

/// Runs one of the package's programs to its end.
func run(
  _ program: String, _ arguments: String..., environment: [String: String] = [:]
) throws -> (code: Int32, output: Data, errors: String) {
  try Child(program, arguments, environment: environment).end()
}

/// The same with arguments in a list.
func run(
  _ program: String, _ arguments: [String]
) throws -> (code: Int32, output: Data, errors: String) {
  try Child(program, arguments).end()
}
