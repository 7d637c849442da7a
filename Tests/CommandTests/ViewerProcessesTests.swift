// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import vgpu

/// The windows that the list of guests opens, as processes.
@Suite(.timeLimit(.minutes(5))) struct ViewerProcessesTests {
  /// A window's process, by a program in its place.
  private func withProgram(
    _ script: String, _ body: (ViewerProcesses, AsyncStream<String>) async throws -> Void
  ) async throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("viewer-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Program.write("#!/bin/sh\n\(script)\n", to: path)
    let (errors, told) = AsyncStream<String>.makeStream()
    try await body(ViewerProcesses(path) { told.yield($0) }, errors)
  }

  @Test func lastLineOfAWindowThatFailsIsTold() async throws {
    let script = #"echo "first" >&2; printf 'Error: pid:7: no\033[31m such process\n' >&2; exit 66"#
    try await withProgram(script) { (viewers, errors) async throws in
      #expect(try viewers.open("pid:7"))
      let error = await errors.first { _ in true }
      #expect(error == "pid:7: no\u{FFFD}[31m such process")
    }
  }

  @Test func windowThatIsKilledIsTold() async throws {
    try await withProgram("kill -9 $$") { (viewers, errors) async throws in
      #expect(try viewers.open("demo"))
      let error = await errors.first { _ in true }
      #expect(error == "demo: signal 9 has ended its window")
    }
  }

  /// The real command, with a target that does not exist.
  @Test func realCommandsErrorIsTold() async throws {
    let (errors, told) = AsyncStream<String>.makeStream()
    let viewers = ViewerProcesses(Command.path) { told.yield($0) }
    let target = "mdev:11111111-2222-3333-4444-555555555555"
    #expect(try viewers.open(target))
    let first = await errors.first { _ in true }
    let error = try #require(first)
    #expect(error.hasPrefix("\(target): no such vGPU"), "\(error)")
  }

  /// A target has one window, and another one after the first has been closed.
  @Test func targetHasOneWindow() async throws {
    try await withProgram("exec sleep 1") { (viewers, _) async throws in
      #expect(try viewers.open("demo"))
      #expect(try !viewers.open("demo"))
      #expect(try viewers.open("pid:1"))
      while try !viewers.open("demo") { try await Task.sleep(for: .milliseconds(20)) }
    }
  }

  @Test func ownProgramIsAFile() {
    #expect(FileManager.default.isExecutableFile(atPath: ViewerProcesses.ownProgram))
  }
}
