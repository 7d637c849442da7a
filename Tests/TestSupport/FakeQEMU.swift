// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A program of Tests/FakeQEMU, which serves QMP and a display on D-Bus as no QEMU of today does. It ends with
/// this object.
public final class FakeQEMU {
  /// Its QMP socket.
  public let path: String
  private let folder = "/tmp/fake-\(UUID().uuidString.prefix(8))"
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var text = ""

  /// Starts it, and waits until it serves.
  ///
  /// - Parameters:
  ///   - name: the program, such as `hostile-qemu`.
  ///   - arguments: what follows the socket's path.
  public init(_ name: String, _ arguments: String...) throws {
    path = "\(folder)/qmp"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        "python3", CLibraries.package.appendingPathComponent("Tests/FakeQEMU/\(name).py").path,
        path,
      ] + arguments
    process.standardInput = input
    process.standardOutput = output
    try process.runUnblocked()
    while !isListening(on: path) {
      guard process.isRunning else { throw Missing(description: "\(name) has ended") }
      usleep(10_000)
    }
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Whether it has not ended by itself.
  public var isRunning: Bool { process.isRunning }

  /// Writes a line to its standard input.
  public func tell(_ line: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8))
  }

  /// The next line of its output; `nil` when none comes in a minute.
  public func line() -> String? {
    while true {
      if let end = text.firstIndex(of: "\n") {
        defer { text = String(text[text.index(after: end)...]) }
        return String(text[..<end])
      }
      guard read(waiting: 60_000) else { return nil }
    }
  }

  /// How often it has said that all its attacks were made.
  public var rounds: Int {
    while read(waiting: 0) {}
    return text.split(separator: "\n").count { $0.hasPrefix("round ") }
  }

  /// - Returns: whether there was something.
  private func read(waiting milliseconds: Int32) -> Bool {
    let file = output.fileHandleForReading
    var entry = pollfd(fd: file.fileDescriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, milliseconds) == 1 else { return false }
    let data = file.availableData
    text += String(decoding: data, as: UTF8.self)
    return !data.isEmpty
  }
}
