// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A program that a test starts and ends.
final class Tool {
  private let process = Process()
  private let output = Pipe()
  private let input: Pipe?

  /// Starts a program found in PATH, or at a path; `nil` in `environment` takes a variable away.
  ///
  /// - Parameter isTold: whether `tell` writes to its standard input.
  init(
    _ name: String, _ arguments: [String], in folder: URL,
    environment: [String: String?] = [:], isTold: Bool = false
  ) throws {
    input = isTold ? Pipe() : nil
    if let input { process.standardInput = input }
    let program: URL = try #require(Self.find(name))
    process.executableURL = program
    process.arguments = arguments
    process.currentDirectoryURL = folder
    var variables = ProcessInfo.processInfo.environment
    for (name, value) in environment { variables[name] = value }
    process.environment = variables
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.runUnblocked()
  }

  deinit {
    if process.isRunning {
      process.terminate()
      process.waitUntilExit()
    }
  }

  var isRunning: Bool { process.isRunning }

  /// The process's number.
  var pid: Int32 { process.processIdentifier }

  /// SIGTERM, to this process alone.
  func terminate() { process.terminate() }

  /// SIGINT, to this process alone.
  func interrupt() { process.interrupt() }

  /// Writes a line to its standard input.
  func tell(_ line: String) throws {
    try input?.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8))
  }

  /// Has something done that ends with the line `done`.
  ///
  /// - Returns: its lines since the last call, but for that one.
  func carryOut(_ order: String) throws -> [String] {
    try tell(order)
    var lines: [String] = []
    while true {
      let line = firstLine()
      if line == "done" { return lines }
      try #require(!line.isEmpty, "\(order): \(lines)")
      lines.append(line)
    }
  }

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

  /// Waits for the end of a viewer of the fixture: what it has said as NAME=VALUE.
  func statistics() throws -> [String: String] {
    let (output, status) = try finish()
    #expect(status == 0)
    return Dictionary(
      String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { line in
        let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : nil
      }, uniquingKeysWith: { $1 })
  }

  static func find(_ name: String) -> URL? {
    if name.hasPrefix("/") { return URL(fileURLWithPath: name) }
    let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return folders.split(separator: ":")
      .map { URL(fileURLWithPath: String($0)).appendingPathComponent(name) }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

}
