// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A program that a test starts and ends.
final class Tool {
  private let process = Process()
  private let output = Pipe()

  /// Starts a program found in PATH, or at a path; `nil` in `environment` takes a variable away.
  init(
    _ name: String, _ arguments: [String], in folder: URL,
    environment: [String: String?] = [:]
  ) throws {
    let program: URL = try #require(Self.find(name))
    process.executableURL = program
    process.arguments = arguments
    process.currentDirectoryURL = folder
    var variables = ProcessInfo.processInfo.environment
    for (name, value) in environment { variables[name] = value }
    process.environment = variables
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    // Threads of Swift's pool block all signals, and a child would inherit that: it could not be
    // ended.
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try process.run()
  }

  deinit {
    if process.isRunning {
      process.terminate()
      process.waitUntilExit()
    }
  }

  var isRunning: Bool { process.isRunning }

  /// SIGTERM, to this process alone.
  func terminate() { process.terminate() }

  /// SIGINT, to this process alone.
  func interrupt() { process.interrupt() }

  /// The next line of its output; empty at its end, and when none comes for ten seconds.
  func firstLine() -> String {
    var line: [UInt8] = []
    let file = output.fileHandleForReading
    while true {
      var entry = pollfd(fd: file.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, 10_000) > 0, let byte = try? file.read(upToCount: 1)?.first,
        byte != 10
      else { break }
      line.append(byte)
    }
    return String(decoding: line, as: UTF8.self)
  }

  /// Waits for its end: what it has printed, and its exit status.
  func finish() throws -> (output: Data, status: Int32) {
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (data, process.terminationStatus)
  }

  static func find(_ name: String) -> URL? {
    if name.hasPrefix("/") { return URL(fileURLWithPath: name) }
    let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return folders.split(separator: ":")
      .map { URL(fileURLWithPath: String($0)).appendingPathComponent(name) }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

}
