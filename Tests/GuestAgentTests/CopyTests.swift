// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import GuestAgent

/// `vgpu copy`, with the real agent at the other end.
@Suite(RealAgent.isPossible, .serialized, .onOwnThread, .timeLimit(.minutes(10))) struct CopyTests {
  private struct Report: Decodable {
    struct File: Decodable {
      let path: String
      let isCopied: Bool
      let reason: String?
    }
    let files: [File]
    let filesDone: Int
    let bytesSent: Int
  }

  /// The command that was built with this test bundle.
  private func start(_ arguments: [String]) throws -> (Process, Pipe, Pipe) {
    let process = Process()
    let (output, errors) = (Pipe(), Pipe())
    process.executableURL = CLibraries.command
    process.arguments = ["copy"] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.runUnblocked()
    return (process, output, errors)
  }

  private func run(_ arguments: [String]) throws -> (code: Int32, output: Data, errors: String) {
    let (process, output, errors) = try start(arguments)
    let words = errors.fileHandleForReading.readDataToEndOfFile()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, data, String(decoding: words, as: UTF8.self))
  }

  @Test func filesAndFoldersArrive() throws {
    let agent = try RealAgent()
    let relay = Relay("\(agent.folder)/relay", to: try agent.accept())
    let bytes = sample(200_000)
    let one = try agent.write(bytes, to: "one.bin")
    _ = try agent.write([1, 2], to: "folder/in/two.bin")
    let end = try run([one, "\(agent.folder)/folder", "demo:", "--agent", relay.path, "--json"])
    #expect(end.code == 0, "\(end.errors)")
    try JSONSchema.expect(end.output, fits: "copy")
    let report = try JSONDecoder().decode(Report.self, from: end.output)
    #expect(report.filesDone == 2 && report.bytesSent == 200_002)
    #expect(report.files.allSatisfy { $0.isCopied && $0.reason == nil })
    #expect(end.errors.hasPrefix("vgpu: 2 of 2 files copied, 195.3 KiB in "))
    let copied = try Data(contentsOf: URL(fileURLWithPath: "\(agent.received)/one.bin"))
    #expect([UInt8](copied) == bytes)
    #expect(FileManager.default.fileExists(atPath: "\(agent.received)/folder/in/two.bin"))
  }

  @Test func fullDiskIsSaid() throws {
    let agent = try RealAgent(disk: 1)
    let relay = Relay("\(agent.folder)/relay", to: try agent.accept())
    let large = try agent.write(sample(2 << 20), to: "large")
    let end = try run([large, "demo:", "--agent", relay.path, "--json"])
    #expect(end.code == 1)
    #expect(end.errors.contains("vgpu: large: the guest's disk is full: "), "\(end.errors)")
    #expect(end.errors.contains("0 of 1 files copied"))
    try JSONSchema.expect(end.output, fits: "copy")
  }

  /// Ctrl-C: the guest is told, and removes what it has.
  @Test func interruptIsTold() async throws {
    let agent = try RealAgent()
    let relay = Relay("\(agent.folder)/relay", to: try agent.accept())
    let path = "\(agent.folder)/huge"
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    truncate(path, 8 << 30)
    let (process, _, errors) = try start([path, "demo:", "--agent", relay.path])
    let part = "\(agent.received)/huge"
    try await eventually { FileManager.default.fileExists(atPath: part) }
    kill(process.processIdentifier, SIGINT)
    let words = String(
      decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 1 && words.contains("cancelled: 0 of 1 files copied"))
    try await eventually { !FileManager.default.fileExists(atPath: part) }
  }

  /// A port at which nobody answers.
  @Test func silentPortIsNotWaitedForForEver() throws {
    let folder = "\(NSTemporaryDirectory())/silent-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let socket = ListeningSocket("\(folder)/port")
    let end = try run(["/etc/hostname", "demo:", "--agent", socket.path, "--timeout", "0.1"])
    #expect(end.code == 69)
    #expect(end.errors.contains("no agent answers; start spice-vdagent in the guest"))
  }
}
