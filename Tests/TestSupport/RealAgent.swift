// SPDX-License-Identifier: Apache-2.0

import Foundation
public import Testing

/// Debian's own agent (spice-vdagentd, spice-vdagent) on an X server of this test's own. A socket takes the
/// place of the port.
public final class RealAgent {
  public static let isPossible: ConditionTrait = .needs(
    "Xvfb", "spice-vdagentd", "spice-vdagent", "xclip", "xrandr", "unshare")

  /// A folder of the test's own.
  public let folder: String
  /// Where the agent writes files.
  public var received: String { "\(folder)/received" }
  private let port: ListeningSocket
  private var processes: [Process] = []
  private var display = ""
  private var environment: [String: String] { ["DISPLAY": display, "HOME": folder] }

  /// - Parameters:
  ///   - disk: the size of the disk for files in MiB; `nil` for that of the machine.
  ///   - hasTablet: whether it makes a tablet in the kernel, to move the pointer with.
  public init(disk: Int? = nil, hasTablet: Bool = false) throws {
    folder = "\(NSTemporaryDirectory())/agent-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: "\(folder)/received", withIntermediateDirectories: true)
    port = ListeningSocket("\(folder)/port")
    while display.isEmpty {
      // A number at random: see the viewer's tests.
      let number = Int.random(in: 1000..<60_000)
      try start(
        "Xvfb",
        [
          ":\(number)", "-displayfd", "1", "-screen", "0", "1600x1200x24", "-nolisten", "tcp",
          "-noreset",
        ], output: "\(folder)/display")
      for _ in 0..<1000 {
        let text = try String(contentsOfFile: "\(folder)/display", encoding: .utf8)
        if text.hasSuffix("\n") { display = ":\(text.dropLast())" }
        if !display.isEmpty || processes.last?.isRunning != true { break }
        usleep(20_000)
      }
    }
    try start(
      "spice-vdagentd",
      ["-x", "-d", "-s", port.path, "-S", "\(folder)/agent", "-X"]
        + (hasTablet ? [] : ["-f", "-u", "/dev/null"]))
    while !isListening(on: "\(folder)/agent"), processes.last?.isRunning == true { usleep(20_000) }
    let agent = "exec spice-vdagent -x -d -S \(folder)/agent -s \(port.path) -f \(received) -o 0"
    let mount = disk.map { "mount -t tmpfs -o size=\($0)m disk \(received) && " } ?? ""
    try start("unshare", [geteuid() == 0 ? "-m" : "-rm", "sh", "-c", mount + agent])
  }

  deinit {
    for process in processes.reversed() where process.isRunning {
      process.terminate()
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func start(_ program: String, _ arguments: [String], output: String? = nil) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(Program.path(of: program)))
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    // Its last words, for whoever looks for a failure's reason.
    let errors = "\(folder)/\(program).log"
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    if let output {
      _ = FileManager.default.createFile(atPath: output, contents: nil)
      process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
    }
    try process.runUnblocked()
    processes.append(process)
  }

  /// The agent's connection.
  public func accept() throws -> Int32 { try #require(port.accept()) }

  private func shell(_ command: String) throws -> (code: Int32, text: String) {
    try Program.run(["sh", "-c", command], environment: environment)
  }

  /// Copies a file's bytes on the X server. The caller waits until the guest tells of it.
  public func copy(_ path: String, _ type: String, in selection: String) throws {
    // In the foreground, because Foundation takes a program with children in the background for one that
    // runs. It ends when somebody else copies.
    try start("xclip", ["-quiet", "-selection", selection, "-t", type, "-i", path])
  }

  /// Pastes on the X server, into a file.
  public func paste(_ type: String, from selection: String) throws -> [UInt8] {
    let path = "\(folder)/pasted"
    _ = try shell("xclip -selection \(selection) -t \(type) -o > \(path) 2>/dev/null")
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// The X server's current size.
  public func screenSize() throws -> String {
    let text = try shell("xrandr").text
    guard let range = text.firstRange(of: /current (\d+) x (\d+)/) else { return text }
    return String(text[range])
  }

  /// Writes a file into the test's folder.
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let path = "\(folder)/\(name)"
    try FileManager.default.createDirectory(
      atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path,
      withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }
}
